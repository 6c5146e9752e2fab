"""A batch of records as bytes, and the digest that names bytes."""

import hashlib
import io
import json

import pyarrow as pa

# What marks a column of text that is JSON, and that a Template sees as what it says.
NESTED = {b"accelerator.nested": b"json"}


def encode_batch(table: pa.Table) -> bytes:
    """One batch as an Arrow IPC stream, zstd-compressed."""
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode_batch(data: bytes) -> pa.Table:
    """The table in a batch's bytes. Raises `pyarrow.ArrowInvalid` for anything else."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def digest(data: bytes) -> str:
    """SHA-256 in hex: how the manifest and the signature name bytes."""
    return hashlib.sha256(data).hexdigest()


def without_nanoseconds(kind: pa.DataType) -> pa.DataType:
    """The type with microseconds, the finest that Python's times have, instead; inside lists and structs too."""
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", tz=kind.tz)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(without_nanoseconds(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(without_nanoseconds(kind.key_type), without_nanoseconds(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kind.value_field.with_type(without_nanoseconds(kind.value_type))
        return pa.list_(inner) if pa.types.is_list(kind) else pa.large_list(inner)
    return kind


def nested(field: pa.Field) -> pa.Field:
    """The same column of text, as JSON that a Template walks through."""
    return field.with_metadata({**(field.metadata or {}), **NESTED})


def is_nested(field: pa.Field) -> bool:
    return NESTED.items() <= (field.metadata or {}).items()


def rows(table: pa.Table | pa.RecordBatch) -> list[dict[str, object]]:
    """Records as Python has them, JSON as what it says, maps as dicts. Raises what `to_pylist` raises."""
    found: list[dict[str, object]] = table.to_pylist(maps_as_pydicts="lossy")
    for field in table.schema:
        if is_nested(field):
            for row in found:
                row[field.name] = walked(row[field.name])
    return found


def walked(text: object) -> object:
    """What JSON says; the text itself where it is none, or deeper than anybody walks."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
