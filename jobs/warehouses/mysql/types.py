"""What MySQL's types become: the server writes every value as text, or as the bytes it is."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.constants import FIELD_TYPE as TYPE
from pymysql.constants import FLAG
from pymysql.protocol import FieldDescriptorPacket

from accelerator import protocol
from jobs.reading.errors import AudienceSqlError
from jobs.warehouses import words

BINARY = 63  # the number of the character set that is none
NUMBERS = frozenset({TYPE.TINY, TYPE.SHORT, TYPE.INT24, TYPE.LONG, TYPE.LONGLONG, TYPE.YEAR})
DECIMALS = frozenset({TYPE.DECIMAL, TYPE.NEWDECIMAL})
FLOATS = frozenset({TYPE.FLOAT, TYPE.DOUBLE})
DATES = frozenset({TYPE.DATE, TYPE.NEWDATE})
# A TIME is a length of time as well, of up to 838 hours: as text it is either.
TEXTS = frozenset({TYPE.TIME, TYPE.JSON, TYPE.NULL, TYPE.ENUM, TYPE.SET})
BYTES = frozenset(
    {TYPE.VARCHAR, TYPE.VAR_STRING, TYPE.STRING}
    | {TYPE.TINY_BLOB, TYPE.BLOB, TYPE.MEDIUM_BLOB, TYPE.LONG_BLOB}
)

DATE, NAIVE, AWARE = pa.date32(), pa.timestamp("us"), pa.timestamp("us", tz="UTC")
DECIMAL128, DECIMAL256 = 38, 76  # the most digits


@dataclass(frozen=True)
class Column:
    """A column: its name, what it becomes, and what makes it of the cells as they came."""

    name: str
    kind: pa.DataType
    read: Callable[[pa.BinaryArray], pa.Array]
    json: bool = False

    @property
    def field(self) -> pa.Field:
        field = pa.field(self.name, self.kind)
        return protocol.nested(field) if self.json else field

    def __call__(self, cells: pa.BinaryArray) -> pa.Array:
        try:
            return self.read(cells)
        except _NotABoolean:
            raise AudienceSqlError(
                f'The column "{self.name}" is a TINYINT(1), which stands for yes or no, and holds other numbers '
                f"than 1 and 0: write {self.name} + 0 AS {self.name} in the SQL."
            ) from None
        except pa.ArrowInvalid as error:
            raise AudienceSqlError(
                f'The column "{self.name}" holds values that can\'t be read as '
                f"{words.word(self.field)}: cast it to CHAR in the SQL."
            ) from error


class _NotABoolean(ValueError):
    pass


def column(field: FieldDescriptorPacket) -> Column:
    """Of a field as the server describes it. Raises AudienceSqlError for what would be gibberish."""
    code, name = field.type_code, field.name
    if code == TYPE.TINY and field.length == 1 and not field.flags & FLAG.UNSIGNED:
        return Column(name, pa.bool_(), _booleans)
    if code == TYPE.BIT:
        return Column(name, pa.bool_(), _bit) if field.length == 1 else Column(name, pa.uint64(), _bits)
    if code in DATES:
        return Column(name, DATE, _dates)
    if code == TYPE.DATETIME:
        return Column(name, NAIVE, _times)
    if code == TYPE.TIMESTAMP:
        # The session's time zone is UTC.
        return Column(name, AWARE, lambda cells: pc.assume_timezone(_times(cells), "UTC"))
    kind = _kind(field)
    if kind is None:
        geometry = "ST_AsText({0})" if code == TYPE.GEOMETRY else "CAST({0} AS CHAR)"
        raise AudienceSqlError(
            f'The column "{name}" is of a type that can\'t be read as it is: write {geometry.format(name)} '
            f"AS {name} in the SQL."
        )
    if pa.types.is_binary(kind):
        return Column(name, kind, lambda cells: cells)
    return Column(name, kind, lambda cells: _text(cells).cast(kind), json=code == TYPE.JSON)


def _kind(field: FieldDescriptorPacket) -> pa.DataType | None:
    code = field.type_code
    if code in NUMBERS:
        return pa.uint64() if code == TYPE.LONGLONG and field.flags & FLAG.UNSIGNED else pa.int64()
    if code in DECIMALS:
        return _decimal(field)
    if code in FLOATS:
        return pa.float64()
    if code in TEXTS:
        return pa.string()
    if code in BYTES:
        return pa.binary() if field.charsetnr == BINARY else pa.string()
    return None


def _decimal(field: FieldDescriptorPacket) -> pa.DataType:
    """The length counts the point and the sign (MySQL's `my_decimal_length_to_precision`)."""
    digits = field.length - (field.scale > 0) - (not field.flags & FLAG.UNSIGNED)
    digits = min(max(digits, field.scale, 1), DECIMAL256)
    make = pa.decimal128 if digits <= DECIMAL128 else pa.decimal256
    return make(digits, field.scale)


def _text(cells: pa.BinaryArray) -> pa.StringArray:
    return cells.cast(pa.string())


def _booleans(cells: pa.BinaryArray) -> pa.Array:
    numbers = _text(cells).cast(pa.int8())
    found = pc.min_max(numbers).as_py()
    if found["min"] is not None and (found["min"] < 0 or found["max"] > 1):
        raise _NotABoolean
    return numbers.cast(pa.bool_())


def _bit(cells: pa.BinaryArray) -> pa.Array:
    return pc.equal(cells, pa.scalar(b"\x01"))


def _bits(cells: pa.BinaryArray) -> pa.Array:
    numbers = [None if bits is None else int.from_bytes(bits, "big") for bits in cells.to_pylist()]
    return pa.array(numbers, pa.uint64())


def _dates(cells: pa.BinaryArray) -> pa.Array:
    return _calendar(cells, DATE, datetime.date.fromisoformat)


def _times(cells: pa.BinaryArray) -> pa.Array:
    return _calendar(cells, NAIVE, datetime.datetime.fromisoformat)


def _calendar(cells: pa.BinaryArray, kind: pa.DataType, parse: Callable[[str], datetime.date]) -> pa.Array:
    """Days that are in no calendar (0000-00-00, 2024-02-30) are no time for a Template: NULL."""
    texts = _text(cells)
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return pa.array([_parsed(text, parse) for text in texts.to_pylist()], kind)


def _parsed(text: str | None, parse: Callable[[str], datetime.date]) -> datetime.date | None:
    try:
        return None if text is None else parse(text)
    except ValueError:
        return None
