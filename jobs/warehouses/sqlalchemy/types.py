"""Columns out of the rows of any driver: the first rows decide on the types, and what does not fit is told of."""

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from accelerator import protocol
from jobs.reading.errors import AudienceSqlError
from jobs.warehouses import words

NAIVE, AWARE = pa.timestamp("us"), pa.timestamp("us", tz="UTC")
DIGITS = 76  # the most that Arrow has
BIGINT = range(-(1 << 63), 1 << 63)

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Column:
    """A column: its name, what it becomes, and what Arrow is given for a value of it that is not NULL."""

    name: str
    kind: pa.DataType
    given: Callable[[Any], Any]
    json: bool = False

    @property
    def field(self) -> pa.Field:
        field = pa.field(self.name, self.kind)
        return protocol.nested(field) if self.json else field


def columns(names: Sequence[str], rows: Rows) -> list[Column]:
    """By the values of these rows."""
    values = zip(*rows, strict=True) if rows else [()] * len(names)
    return [_column(name, found) for name, found in zip(names, values, strict=True)]


def schema(found: Sequence[Column]) -> pa.Schema:
    return pa.schema([column.field for column in found])


def batch(found: Sequence[Column], rows: Rows) -> pa.RecordBatch:
    """Raises AudienceSqlError for a value that does not fit what the first rows had."""
    values = zip(*rows, strict=True) if rows else [()] * len(found)
    arrays = [_array(column, cells) for column, cells in zip(found, values, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(found))


def text(value: Any) -> str:
    """What a person would read."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _array(column: Column, cells: Sequence[Any]) -> pa.Array:
    try:
        given = [None if cell is None else column.given(cell) for cell in cells]
        return pa.array(given, column.kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise AudienceSqlError(
            f'The column "{column.name}" holds values that are not all of the type '
            f"{words.word(column.field)}, as the first ones are: cast it to one type in the SQL."
        ) from error


def _column(name: str, values: Sequence[Any]) -> Column:
    there = [value for value in values if value is not None]
    types = {type(value) for value in there}
    kind = _only(types, there)
    if kind is None:
        # What a driver made of JSON is written down again, for a Template to walk through.
        return Column(name, pa.string(), text, json=bool(types) and types <= {dict, list})
    if pa.types.is_decimal(kind):
        return Column(name, kind, Decimal)
    if pa.types.is_floating(kind):
        return Column(name, kind, float)
    if kind == AWARE:
        return Column(name, kind, lambda value: value.astimezone(datetime.UTC))
    if kind == NAIVE:
        return Column(name, kind, _naive)
    if pa.types.is_date(kind):
        return Column(name, kind, _day)
    if pa.types.is_binary(kind):
        return Column(name, kind, bytes)
    return Column(name, kind, lambda value: value)


def _only(types: set[type], values: Sequence[Any]) -> pa.DataType | None:
    """The type of values that are of one, or of numbers of several. None: text."""
    if types == {bool}:
        return pa.bool_()
    if types == {int}:
        return pa.int64() if all(value in BIGINT for value in values) else pa.decimal256(DIGITS, 0)
    if types in ({float}, {float, int}):
        return pa.float64()
    if types and types <= {Decimal, int}:
        return _decimal([Decimal(value) for value in values])
    if types == {datetime.date}:
        return pa.date32()
    if types == {datetime.datetime}:
        zones = {value.tzinfo is not None for value in values}
        return None if len(zones) > 1 else AWARE if zones.pop() else NAIVE
    if types and types <= {bytes, bytearray, memoryview}:
        return pa.binary()
    return None


def _decimal(values: Sequence[Decimal]) -> pa.DataType | None:
    """As many decimals as any of them has; all other digits before the point."""
    if not all(value.is_finite() for value in values):
        return None
    scale = max(max(0, -int(value.as_tuple().exponent)) for value in values)
    return pa.decimal256(DIGITS, scale) if scale < DIGITS else None


def _day(value: datetime.date) -> datetime.date:
    if isinstance(value, datetime.datetime):
        raise TypeError("a time among days")
    return value


def _naive(value: datetime.datetime) -> datetime.datetime:
    if value.tzinfo is not None:
        raise ValueError("a time with a zone among times without")
    return value
