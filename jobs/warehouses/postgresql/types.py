"""What PostgreSQL's types become: ADBC gives some of them as bytes or text of the server's, which no reader expects."""

import uuid

import pyarrow as pa

from accelerator import protocol
from jobs.warehouses.errors import AudienceSqlError

# Types of the server whose bytes are plain text.
TEXT = frozenset({"citext"})
# Types that the server is asked to write as text: it does so in a tenth of the time that driver and Python take.
WRITTEN = frozenset({"numeric", "uuid"})
# Types that a Template walks through, and types that it counts with, though they arrive as text.
NESTED = frozenset({"json", "jsonb"})
DECIMALS = frozenset({"numeric"})
# Types that, inside others, would be text to a Template: dearer than 100 is any text.
LOST = NESTED | DECIMALS
# Types that arrive as a number which is not the one people know (money as cents, half of the oids as negative ones),
# and what to cast them to.
MISLEADING = {"money": "numeric", "oid": "bigint"}
# Types whose parts are known in each row only.
RECORDS = frozenset({"record"})


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """The schema as a Template may see it. Raises AudienceSqlError for a column that would be gibberish."""
    return pa.schema([_readable_field(field) for field in schema])


def readable(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the readable schema: extension types unwrapped, uuid and citext as text."""
    columns = [_readable(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def is_written(field: pa.Field) -> bool:
    """Whether the server is to be asked for the column as text, which it is in the readable schema."""
    return _named(field) in WRITTEN


def _readable_field(field: pa.Field) -> pa.Field:
    plain = pa.field(field.name, _readable_type(field))
    if _named(field) in DECIMALS:
        return protocol.decimals(plain)
    return protocol.nested(plain) if _named(field) in NESTED else plain


def _readable_type(field: pa.Field) -> pa.DataType:
    kind, name = field.type, _named(field)
    storage = _storage(kind)
    if pa.types.is_fixed_size_binary(storage) or name in TEXT:
        return pa.string()
    if _is_gibberish(field):
        cast = MISLEADING.get(name, "text")
        raise _refused(field.name, f"type {name}", f"{field.name}::{cast}")
    listed = pa.types.is_list(storage)
    element = storage.value_field if listed else field
    if (pa.types.is_nested(storage) and _named(element) in LOST) or (
        pa.types.is_nested(element.type) and _hides(element)
    ):
        brackets = "[]" if listed else ""
        raise _refused(field.name, f"type {_named(element)}{brackets}", f"to_jsonb({field.name})")
    if listed and (_named(element) in TEXT or _is_gibberish(element)):
        raise _refused(field.name, f"type {_named(element)}[]", f"{field.name}::text[]")
    return storage


def _hides(field: pa.Field) -> bool:
    """Whether it is, or has among its parts, what can't be read there: an array, whose dimensions nobody tells; a
    record, of which the driver does not know the parts; gibberish; what would be text.
    """
    parts = field.type if pa.types.is_struct(field.type) else ()
    return (
        pa.types.is_list(field.type)
        or _named(field) in TEXT | RECORDS | LOST
        or _is_gibberish(field)
        or any(map(_hides, parts))
    )


def _is_gibberish(field: pa.Field) -> bool:
    """Bytes that only the server understands, and three numbers that are an interval."""
    storage = _storage(field.type)
    opaque = isinstance(field.type, pa.BaseExtensionType) and pa.types.is_binary(storage)
    return opaque or _named(field) in MISLEADING or storage == pa.month_day_nano_interval()


def _named(field: pa.Field) -> str:
    """The server's type."""
    told: bytes = (field.metadata or {}).get(b"POSTGRESQL:type", b"")
    return told.decode()


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _refused(name: str, kind: str, readable: str) -> AudienceSqlError:
    return AudienceSqlError(
        f"The column \"{name}\" is of PostgreSQL's {kind}, which can't be read as it is: "
        f"write {readable} AS {name} in the SQL."
    )


def _readable(column: pa.Array, kind: pa.DataType) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    if pa.types.is_fixed_size_binary(storage.type):
        texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in storage.to_pylist()]
        return pa.array(texts, pa.string())
    # Bytes become text here that may be no UTF-8, as may all other text (`utf8`).
    return storage.cast(kind, safe=False) if storage.type != kind else storage
