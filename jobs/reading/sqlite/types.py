"""What SQLite's values become in Arrow: any row may hold any type there, a column of ours has one."""

import re
from collections.abc import Sequence
from types import NoneType

import pyarrow as pa

from accelerator import protocol
from jobs.reading import lexing
from jobs.reading.errors import AudienceSqlError

# What SQLite can hold, as Python sees it and as people call it.
ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bytes: pa.binary()}
WORDS = {int: "a whole number", float: "a number with decimals", str: "text", bytes: "a BLOB"}

# The values that a column takes without one of them becoming another. A boolean is a 0 or 1 declared as one.
TAKES: dict[pa.DataType, frozenset[type]] = {
    pa.bool_(): frozenset({int}),
    pa.int64(): frozenset({int}),
    pa.float64(): frozenset({int, float}),
    pa.string(): frozenset({str}),
    pa.binary(): frozenset({bytes}),
}
TRUTH = {0, 1, None}

# A declared type that leaves room for decimals, though the first rows may have none: DECIMAL(10,2).
SCALED = re.compile(r"\(\s*\d+\s*,\s*[1-9]\d*\s*\)")

Values = Sequence[object]


def field(name: str, declared: str, values: Values) -> pa.Field:
    """The column; text that was declared as JSON is walked through."""
    found = pa.field(name, column_type(declared, values))
    is_json = pa.types.is_string(found.type) and "JSON" in declared.upper()
    return protocol.nested(found) if is_json else found


def column_type(declared: str, values: Values) -> pa.DataType:
    """The type of a column, by its first values and by what it was declared as ("" for an expression)."""
    found = _types(values)
    expected = _declared(declared)
    if not found:
        return expected or pa.string()
    if found == {int} and expected == pa.bool_() and TRUTH.issuperset(values):
        return expected
    if found == {int} and expected != pa.float64():
        return pa.int64()
    if found <= {int, float}:
        return pa.float64()
    first = next(type(value) for value in values if value is not None)
    return ARROW[first]


def column(name: str, kind: pa.DataType, values: Values, row: int) -> pa.Array:
    """The values, the first of which stands in row `row`. Raises AudienceSqlError for one that is of another type."""
    if _types(values) <= TAKES[kind]:
        if pa.types.is_boolean(kind):
            if TRUTH.issuperset(values):
                return pa.array(values, pa.int8()).cast(kind)
        else:
            try:
                return pa.array(values, kind)
            except pa.ArrowInvalid:
                pass  # a whole number that is none among numbers with decimals, there are not so many of those
    place = next(index for index, value in enumerate(values) if not _fits(value, kind))
    raise AudienceSqlError(
        f'The column "{name}" holds {_called(values[place])} in row {row + place:,} and {_wanted(kind)} before it. '
        f"SQLite allows that, a Template can't tell which is meant: write CAST({lexing.quoted(name)} AS TEXT) AS "
        f"{lexing.quoted(name)} in the SQL (or AS REAL, AS INTEGER)."
    )


def _types(values: Values) -> set[type]:
    return set(map(type, values)) - {NoneType}


def _declared(declared: str) -> pa.DataType | None:
    """By the rules of SQLite's column affinity (https://sqlite.org/datatype3.html, section 3.1), as far as it says."""
    words = declared.upper()
    if words.startswith("BOOL"):
        return pa.bool_()
    if "INT" in words:
        return pa.int64()
    if any(word in words for word in ("CHAR", "CLOB", "TEXT", "DATE", "TIME", "JSON")):
        return pa.string()
    if "BLOB" in words:
        return pa.binary()
    if any(word in words for word in ("REAL", "FLOA", "DOUB")) or SCALED.search(words):
        return pa.float64()
    return None


def _fits(value: object, kind: pa.DataType) -> bool:
    if value is None:
        return True
    if type(value) not in TAKES[kind]:
        return False
    if pa.types.is_boolean(kind):
        return value in TRUTH
    try:
        pa.scalar(value, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _called(value: object) -> str:
    return WORDS[type(value)]


def _wanted(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "0 or 1 (it is declared as a boolean)"
    return next(WORDS[python] for python, arrow in ARROW.items() if arrow == kind)
