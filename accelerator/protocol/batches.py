"""A batch of records as bytes, and the digest that names bytes."""

import hashlib
import io
import json
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation

import pyarrow as pa

# What marks a column of text that is JSON, or decimals, and that a Template sees as what it says.
NESTED = {b"accelerator.nested": b"json"}
DECIMALS = {b"accelerator.decimals": b"text"}
# What marks a column of decimals whose scale is that of its type, and says nothing of its values.
SHORTEST = {b"accelerator.decimals": b"shortest"}
MARKS = (NESTED, DECIMALS, SHORTEST)
EXACT = Context(prec=100)


def encode_batch(table: pa.Table) -> bytes:
    """One batch as an Arrow IPC stream, zstd-compressed."""
    # A piece is packed for itself: many small ones take more time than one, and many times its room.
    table = table.combine_chunks()
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
    return _changed(kind, _microseconds)


def without_singles(table: pa.Table | pa.RecordBatch) -> pa.Table | pa.RecordBatch:
    """The table with its numbers of single precision as those of double precision that are written the same: 19.99, and
    not 19.989999771118164, which is the double of the same size. Inside lists and structs too."""
    for index, field in enumerate(table.schema):
        written = _changed(field.type, _texts)
        if written != field.type:
            doubles = _changed(field.type, _doubles)
            column = table.column(index).cast(written).cast(doubles)
            table = table.set_column(index, field.with_type(doubles), column)
    return table


def _microseconds(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", tz=kind.tz) if pa.types.is_timestamp(kind) and kind.unit == "ns" else kind


def _texts(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_float32(kind) else kind


def _doubles(kind: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_float32(kind) else kind


def _changed(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """The type with each of its innermost types changed."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_changed(field.type, change)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_changed(kind.key_type, change), _changed(kind.item_type, change))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kind.value_field.with_type(_changed(kind.value_type, change))
        return pa.list_(inner) if pa.types.is_list(kind) else pa.large_list(inner)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_changed(kind.value_type, change)), kind.list_size)
    return change(kind)


def nested(field: pa.Field) -> pa.Field:
    """The same column of text, as JSON that a Template walks through."""
    return field.with_metadata({**(field.metadata or {}), **NESTED})


def is_nested(field: pa.Field) -> bool:
    return NESTED.items() <= (field.metadata or {}).items()


def decimals(field: pa.Field) -> pa.Field:
    """The same column of text, as decimals of any size and scale."""
    return field.with_metadata({**(field.metadata or {}), **DECIMALS})


def is_decimals(field: pa.Field) -> bool:
    return DECIMALS.items() <= (field.metadata or {}).items()


def shortest(field: pa.Field) -> pa.Field:
    """The same column of decimals, without the zeros at their ends."""
    return field.with_metadata({**(field.metadata or {}), **SHORTEST})


def marked_as(told: pa.Field, field: pa.Field) -> pa.Field:
    """The field with the mark of the other, and nothing else that it may have been told."""
    told_of = (told.metadata or {}).items()
    return field.with_metadata(dict(pair for mark in MARKS for pair in mark.items() & told_of))


def rows(table: pa.Table | pa.RecordBatch) -> list[dict[str, object]]:
    """Records as Python has them, JSON as what it says, maps as dicts. Raises what `to_pylist` raises."""
    table = without_singles(table)
    found: list[dict[str, object]] = table.to_pylist(maps_as_pydicts="lossy")
    for field in table.schema:
        read = _reader(field)
        if read is not None:
            for row in found:
                row[field.name] = read(row[field.name])
    return found


def meant(field: pa.Field, value: object) -> object:
    """What a value of the column says."""
    read = _reader(field)
    return value if read is None else read(value)


def _reader(field: pa.Field) -> Callable[[object], object] | None:
    if is_nested(field):
        return _walked
    if SHORTEST.items() <= (field.metadata or {}).items():
        return _shortened
    return _counted if is_decimals(field) else None


def _walked(text: object) -> object:
    """What JSON says; the text itself where it is none, or deeper than anybody walks."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return text


def _counted(text: object) -> object:
    """The decimal; NaN and the infinities, which nobody can count with, stay text."""
    if not isinstance(text, str):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


def _shortened(value: object) -> object:
    return value.normalize(EXACT) if isinstance(value, Decimal) else value
