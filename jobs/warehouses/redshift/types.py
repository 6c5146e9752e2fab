"""What Redshift's types become. Its values come as text, which Arrow reads a column at a time.

The numbers of the types are PostgreSQL's, and Amazon's own (SUPER, VARBYTE, GEOMETRY, GEOGRAPHY, HLLSKETCH) beyond.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from accelerator import protocol
from jobs.reading.errors import AudienceSqlError

BOOL, DATE, TIMESTAMP, TIMESTAMPTZ, NUMERIC, SUPER = 16, 1082, 1114, 1184, 1700, 4000
# Types whose text says more than that.
MARKS = {NUMERIC: protocol.decimals, SUPER: protocol.nested}
# What is none of these stays the text that it came as: a NUMERIC with every digit, a SUPER as JSON, a TIME.
ARROW = {
    BOOL: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    26: pa.int64(),  # an oid
    700: pa.float32(),
    701: pa.float64(),
    DATE: pa.date32(),
    TIMESTAMP: pa.timestamp("us"),
    TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
}
# Types whose text is gibberish, and the function that makes some of it.
SHAPES = {3000: "GEOMETRY", 3001: "GEOGRAPHY"}

# A date or time that Python can hold; others have more digits, or end in BC.
_YEARS = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:.]+(\+00)?)?$"


def schema(columns: Iterable[tuple[str, int]]) -> pa.Schema:
    """The columns, each a name and the number of its type. Raises AudienceSqlError for one that would be gibberish."""
    fields = [(pa.field(name, _arrow(name, number)), number) for name, number in columns]
    return pa.schema([MARKS[number](field) if number in MARKS else field for field, number in fields])


def batch(rows: Sequence[Sequence[str | None]], promised: pa.Schema) -> pa.RecordBatch:
    """The rows as they came, column by column; a date or time outside the years 1 to 9999 is NULL."""
    columns = [
        _read(pa.array(values, pa.string()), field.type)
        for values, field in zip(zip(*rows, strict=True), promised, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=promised)


def _arrow(name: str, number: int) -> pa.DataType:
    if shape := SHAPES.get(number):
        raise AudienceSqlError(
            f"The column \"{name}\" is of Redshift's type {shape}, which can't be read as it is: "
            f"write ST_AsText({name}) AS {name} in the SQL."
        )
    return ARROW.get(number, pa.string())


def _read(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return texts
    if pa.types.is_boolean(kind):
        return pc.equal(texts, "t")
    if not pa.types.is_temporal(kind):
        return texts.cast(kind)
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        readable = pc.match_substring_regex(texts, _YEARS)
        return pc.if_else(readable, texts, pa.scalar(None, pa.string())).cast(kind)
