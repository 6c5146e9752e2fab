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
