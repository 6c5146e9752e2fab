"""What PostgreSQL's types become: ADBC gives some of them as bytes or text of the server's, which no reader expects.

The fields of all schemas here have been told the server's types (`catalogue`).
"""

import pyarrow as pa

from accelerator import protocol
from jobs.reading.errors import AudienceSqlError
from jobs.warehouses.postgresql.catalogue import called, type_of

# Types of the server whose bytes are plain text.
TEXT = frozenset({"citext"})
# Types that the server is asked to write as text: it does so in a tenth of the time that driver and Python take.
WRITTEN = frozenset({"numeric", "uuid"})
# The type whose bytes are read where the server can't be asked for its text: inside others.
UUID = "uuid"
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
# What nobody has told the type of.
NAMELESS = frozenset({""})


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """The schema as a Template may see it. Raises AudienceSqlError for a column that would be gibberish."""
    return pa.schema([_readable_field(field) for field in schema])


def readable(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the readable schema: extension types unwrapped, citext as text."""
    columns = [_readable(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def is_written(field: pa.Field) -> bool:
    """Whether the server is to be asked for the column as text, which it is in the readable schema."""
    return type_of(field) in WRITTEN


def _readable_field(field: pa.Field) -> pa.Field:
    plain = pa.field(field.name, _readable_type(field))
    if type_of(field) in DECIMALS:
        return protocol.decimals(plain)
    return protocol.nested(plain) if type_of(field) in NESTED else plain


def _readable_type(field: pa.Field) -> pa.DataType:
    name = type_of(field)
    if is_written(field) or name in TEXT:
        return pa.string()
    if _is_gibberish(field):
        cast = MISLEADING.get(name, "text")
        raise _refused(field.name, f"type {called(field)}", f"{field.name}::{cast}")
    storage = _storage(field.type)
    listed = pa.types.is_list(storage)
    element = storage.value_field if listed else field
    if (pa.types.is_nested(storage) and type_of(element) in LOST) or (
        pa.types.is_nested(element.type) and _hides(element)
    ):
        brackets = "[]" if listed else ""
        raise _refused(field.name, f"type {called(element)}{brackets}", f"to_jsonb({field.name})")
    if listed and (type_of(element) in TEXT or _is_gibberish(element)):
        raise _refused(field.name, f"type {called(element)}[]", f"{field.name}::text[]")
    return _with_uuids(field)


def _hides(field: pa.Field) -> bool:
    """Whether it is, or has among its parts, what can't be read there: an array, whose dimensions nobody tells; a
    record, of which the driver does not know the parts; gibberish; what would be text.
    """
    parts = field.type if pa.types.is_struct(field.type) else ()
    return (
        pa.types.is_list(field.type)
        or type_of(field) in TEXT | RECORDS | LOST | NAMELESS
        or _is_gibberish(field)
        or any(map(_hides, parts))
    )


def _is_gibberish(field: pa.Field) -> bool:
    """Bytes that only the server understands, and three numbers that are an interval."""
    storage, name = _storage(field.type), type_of(field)
    opaque = isinstance(field.type, pa.BaseExtensionType) and pa.types.is_binary(storage) and name != UUID
    return opaque or name in MISLEADING or storage == pa.month_day_nano_interval()


def _with_uuids(field: pa.Field) -> pa.DataType:
    """The field's type, in which every uuid is Arrow's."""
    if type_of(field) == UUID:
        return pa.uuid()
    storage = _storage(field.type)
    if pa.types.is_list(storage):
        return pa.list_(_with_uuids(storage.value_field))
    if pa.types.is_struct(storage):
        return pa.struct([(part.name, _with_uuids(part)) for part in storage])
    return storage


def _with_bytes(kind: pa.DataType) -> pa.DataType:
    """The type, in which every uuid is its bytes."""
    if pa.types.is_list(kind):
        return pa.list_(_with_bytes(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, _with_bytes(part.type)) for part in kind])
    return _storage(kind)


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _refused(name: str, kind: str, readable: str) -> AudienceSqlError:
    return AudienceSqlError(
        f"The column \"{name}\" is of PostgreSQL's {kind}, which can't be read as it is: "
        f"write {readable} AS {name} in the SQL."
    )


def _readable(column: pa.Array, kind: pa.DataType) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    if storage.type == kind:
        return storage
    if pa.types.is_nested(kind):
        # From one extension type to another Arrow casts by way of what both store.
        storage = storage.cast(_with_bytes(kind))
    # Bytes become text here that may be no UTF-8, as may all other text (`utf8`).
    return storage.cast(kind, safe=False)
