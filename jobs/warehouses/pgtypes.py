"""What PostgreSQL's types become: ADBC gives some of them as bytes or text of the server's, which no reader expects."""

import uuid

import pyarrow as pa

from jobs.warehouses.errors import AudienceSqlError

# Types of the server whose bytes are plain text.
TEXT = frozenset({"citext"})
# Types that arrive as a number which is not the one people know (money as cents).
MISLEADING = frozenset({"money"})


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """The schema as a Template may see it. Raises AudienceSqlError for a column that would be gibberish."""
    return pa.schema([pa.field(field.name, _readable_type(field)) for field in schema])


def readable(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the readable schema: extension types unwrapped, uuid and citext as text."""
    columns = [_readable(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _readable_type(field: pa.Field) -> pa.DataType:
    kind = field.type
    name = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if pa.types.is_fixed_size_binary(storage) or name in TEXT:
        return pa.string()
    opaque = isinstance(kind, pa.BaseExtensionType) and pa.types.is_binary(storage)
    if opaque or name in MISLEADING:
        cast = "numeric" if name in MISLEADING else "text"
        raise AudienceSqlError(
            f"The column \"{field.name}\" is of PostgreSQL's type {name}, which can't be read as it is: "
            f"write {field.name}::{cast} AS {field.name} in the SQL."
        )
    return storage


def _readable(column: pa.Array, kind: pa.DataType) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    if pa.types.is_fixed_size_binary(storage.type):
        texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in storage.to_pylist()]
        return pa.array(texts, pa.string())
    return storage.cast(kind) if storage.type != kind else storage
