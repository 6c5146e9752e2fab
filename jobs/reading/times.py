"""Times that Python can hold: a Warehouse may say "infinity", or a year beyond 9999; for a Template that is no time."""

import pyarrow as pa
import pyarrow.compute as pc

from accelerator import protocol

# The first and the last day of Python's calendar, in days since 1970.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of readable batches: nanoseconds are cut to microseconds, all else stays."""
    return pa.schema([_readable_field(field) for field in schema])


def readable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with every date and time outside the years 1 to 9999 as NULL."""
    columns = [_readable(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=readable_schema(batch.schema))


def _readable_field(field: pa.Field) -> pa.Field:
    return protocol.marked_as(field, pa.field(field.name, protocol.without_nanoseconds(field.type)))


def _readable(column: pa.Array) -> pa.Array:
    kind = protocol.without_nanoseconds(column.type)
    if pa.types.is_timestamp(kind):
        column = column.cast(kind, safe=False)
        return _bounded(column, pa.int64(), PER_DAY[kind.unit])
    if pa.types.is_date32(kind):
        return _bounded(column, pa.int32(), 1)
    return column if kind == column.type else column.cast(kind, safe=False)


def _bounded(column: pa.Array, number: pa.DataType, per_day: int) -> pa.Array:
    # A day less at either end, so that a time zone can't push it over.
    count = column.view(number)
    inside = pc.and_(
        pc.greater(count, pa.scalar(FIRST_DAY * per_day + per_day, number)),
        pc.less(count, pa.scalar(LAST_DAY * per_day, number)),
    )
    if pc.all(inside, min_count=0).as_py():
        return column
    return pc.if_else(inside, column, pa.scalar(None, column.type))
