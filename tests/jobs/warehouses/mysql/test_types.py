"""What MySQL's types become, asked of a MariaDB server."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pyarrow as pa
import pytest
from pymysql.constants import FIELD_TYPE as TYPE
from pymysql.protocol import FieldDescriptorPacket

from accelerator import protocol, rendering
from jobs import warehouses
from jobs.warehouses import AudienceSqlError
from jobs.warehouses.mysql import types
from tests.jobs.warehouses.mysql import seals
from tests.jobs.warehouses.mysql.seals import Database
from tests.security.held import refusal, rows

UTC = datetime.UTC


@pytest.fixture(scope="module")
def seal(request: pytest.FixtureRequest) -> Iterator[Database]:
    with seals.database(request.config, "w_mytypes") as database:
        yield database


# The type of a column, what is put into it, what it is for Arrow and for Python.
TYPES: list[tuple[str, str, pa.DataType, object]] = [
    ("tinyint(1)", "1", pa.bool_(), True),
    ("boolean", "false", pa.bool_(), False),
    ("tinyint", "-128", pa.int64(), -128),
    ("tinyint unsigned", "255", pa.int64(), 255),
    ("smallint", "-5", pa.int64(), -5),
    ("mediumint", "8000000", pa.int64(), 8_000_000),
    ("int(5) zerofill", "7", pa.int64(), 7),
    ("bigint", "-9223372036854775808", pa.int64(), -(2**63)),
    ("bigint unsigned", "18446744073709551615", pa.uint64(), 2**64 - 1),
    ("year", "2026", pa.int64(), 2026),
    ("decimal(12,2)", "-1234567890.10", pa.decimal128(12, 2), Decimal("-1234567890.10")),
    ("decimal(5,2) unsigned", "999.99", pa.decimal128(5, 2), Decimal("999.99")),
    ("decimal(38,0)", "9" * 38, pa.decimal128(38, 0), Decimal("9" * 38)),
    ("decimal(65,30)", "-" + "9" * 35 + ".5", pa.decimal256(65, 30), Decimal("-" + "9" * 35 + ".5")),
    ("decimal(3,3)", "-0.125", pa.decimal128(3, 3), Decimal("-0.125")),
    ("float", "0.1", pa.float64(), 0.1),
    ("double", "-1.5e300", pa.float64(), -1.5e300),
    ("bit(1)", "b'1'", pa.bool_(), True),
    ("bit(12)", "b'100000000001'", pa.uint64(), 2049),
    ("date", "'2024-02-29'", pa.date32(), datetime.date(2024, 2, 29)),
    ("date", "'1000-01-01'", pa.date32(), datetime.date(1000, 1, 1)),
    ("datetime", "'2024-02-29 10:11:12'", pa.timestamp("us"), datetime.datetime(2024, 2, 29, 10, 11, 12)),
    (
        "datetime(6)",
        "'2024-02-29 10:11:12.000345'",
        pa.timestamp("us"),
        datetime.datetime(2024, 2, 29, 10, 11, 12, 345),
    ),
    (
        "timestamp(3) NULL",
        "FROM_UNIXTIME(1700000000.125)",
        pa.timestamp("us", tz="UTC"),
        datetime.datetime(2023, 11, 14, 22, 13, 20, 125_000, UTC),
    ),
    ("time", "'10:11:12'", pa.string(), "10:11:12"),
    ("time(2)", "'-838:59:59'", pa.string(), "-838:59:59.00"),
    ("varchar(20) CHARACTER SET latin1", "'Ünï'", pa.string(), "Ünï"),
    ("text CHARACTER SET utf8mb4", "'😀 \\\\ \\n'", pa.string(), "😀 \\ \n"),
    ("char(3)", "'a'", pa.string(), "a"),
    ("enum('yes','no')", "'no'", pa.string(), "no"),
    ("set('a','b')", "'a,b'", pa.string(), "a,b"),
    ("json", """'{"a": [1, null]}'""", pa.string(), '{"a": [1, null]}'),
    ("uuid", "'6ccd780c-baba-1026-9564-5b8c656024db'", pa.string(), "6ccd780c-baba-1026-9564-5b8c656024db"),
    ("inet6", "'::1'", pa.string(), "::1"),
    ("varbinary(5)", "X'00FF'", pa.binary(), b"\x00\xff"),
    ("blob", "X'FE00'", pa.binary(), b"\xfe\x00"),
]


@pytest.mark.parametrize(("kind", "written", "arrow", "value"), TYPES)
def test_a_value_keeps_its_meaning_and_null_is_null(
    seal: Database, kind: str, written: str, arrow: pa.DataType, value: object
) -> None:
    seal.ask(f"CREATE OR REPLACE TABLE typed (id int, x {kind})")
    seal.ask(f"INSERT INTO typed VALUES (1, {written}), (2, NULL), (3, {written})")
    with warehouses.open_stream(seal.warehouse(), "SELECT x, id FROM typed ORDER BY id") as stream:
        assert stream.start().field("x").type == arrow
        found = [row for batch in stream for row in batch.to_pylist()]
    assert found == [{"x": value, "id": 1}, {"x": None, "id": 2}, {"x": value, "id": 3}]
    assert isinstance(found[0]["x"], type(value))
    rendering.plain(found[0]["x"])


def test_times_are_in_utc_wherever_the_server_is(seal: Database) -> None:
    seal.ask("SET GLOBAL time_zone = '+05:00'")
    try:
        [found] = rows(seal.warehouse(), "SELECT FROM_UNIXTIME(0) AS x, @@time_zone AS zone")
    finally:
        seal.ask("SET GLOBAL time_zone = 'SYSTEM'")
    assert found == {"x": datetime.datetime(1970, 1, 1), "zone": "+00:00"}


def test_days_that_are_in_no_calendar_are_null(seal: Database) -> None:
    seal.ask("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
    seal.ask("CREATE TABLE days (id int, d date, t datetime(3), s timestamp NULL)")
    seal.ask(
        "INSERT INTO days VALUES (1, '0000-00-00', '0000-00-00', 0), (2, '2024-00-00', '2024-02-30 10:00', NULL)"
    )
    seal.ask("INSERT INTO days VALUES (3, '2024-02-28', '2024-02-28 10:00:00.5', '2024-02-28 10:00:00')")
    seal.ask("SET SESSION sql_mode = DEFAULT")
    found = rows(seal.warehouse(), "SELECT d, t, s FROM days ORDER BY id")
    assert found[0] == found[1] == {"d": None, "t": None, "s": None}
    assert found[2] == {
        "d": datetime.date(2024, 2, 28),
        "t": datetime.datetime(2024, 2, 28, 10, 0, 0, 500_000),
        "s": datetime.datetime(2024, 2, 28, 10, 0, tzinfo=UTC),
    }


def test_a_boolean_that_holds_other_numbers_is_no_boolean(seal: Database) -> None:
    seal.ask("CREATE TABLE stars (given tinyint(1)) AS SELECT 0 AS given UNION SELECT 1 UNION SELECT 5")
    assert "write given + 0 AS given" in refusal(seal.warehouse(), "SELECT given FROM stars")
    found = rows(seal.warehouse(), "SELECT given + 0 AS given FROM stars ORDER BY 1")
    assert found == [{"given": 0}, {"given": 1}, {"given": 5}]


@pytest.mark.parametrize(
    ("code", "walked"), [(TYPE.JSON, True), (TYPE.TIME, False), (TYPE.VAR_STRING, False)]
)
def test_a_template_walks_through_what_the_server_calls_json(code: int, walked: bool) -> None:
    told = SimpleNamespace(name="x", type_code=code, length=100, flags=0, charsetnr=45, scale=0)
    column = types.column(cast("FieldDescriptorPacket", told))
    assert protocol.is_nested(column.field) is walked
    assert column(pa.array([b"{}", None])).to_pylist() == ["{}", None]


def test_what_is_not_of_its_type_is_refused_in_words_that_people_know() -> None:
    whole = types.Column("n", pa.int64(), lambda cells: cells.cast(pa.string()).cast(pa.int64()))
    with pytest.raises(AudienceSqlError, match="can't be read as whole number: cast it"):
        whole(pa.array([b"1", b"x"]))


def test_what_would_be_gibberish_is_refused_with_what_to_write(seal: Database) -> None:
    assert "ST_AsText(place) AS place" in refusal(seal.warehouse(), "SELECT POINT(1, 2) AS place")


def test_columns_that_only_compute_have_types_as_well(seal: Database) -> None:
    [found] = rows(
        seal.warehouse(),
        "SELECT COUNT(*) AS n, SUM(id) AS s, AVG(id) AS a, NULL AS nothing, MAX(email) = 'x' AS eq, "
        "UUID() IS NULL AS u, GROUP_CONCAT(id ORDER BY id SEPARATOR '') LIKE '123%' AS g, 1e3 AS e, X'41' AS b "
        "FROM customers WHERE id < 5",
    )
    assert found == {
        "n": 4,
        "s": Decimal(10),
        "a": Decimal("2.5000"),
        "nothing": None,
        "eq": 0,
        "u": 0,
        "g": 1,
        "e": 1000.0,
        "b": b"A",
    }


# Lengths around those where MySQL's announcements of a length, and its packets, change their form.
LENGTHS = (
    0,
    1,
    250,
    251,
    252,
    255,
    256,
    65_535,
    65_536,
    16_777_204,
    16_777_210,
    16_777_211,
    16_777_216,
    40_000_000,
)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_cell_may_be_of_any_length(seal: Database, length: int) -> None:
    sql = (
        f"SELECT 1 AS a, REPEAT('x', {length}) AS b, NULL AS c, 'end' AS d UNION ALL SELECT 2, 'y', 'z', NULL"
    )
    [long, short] = rows(seal.warehouse(), sql)
    text = long.pop("b")
    assert isinstance(text, str)
    assert text == "x" * length
    assert (long, short) == ({"a": 1, "c": None, "d": "end"}, {"a": 2, "b": "y", "c": "z", "d": None})


def test_a_long_first_cell_is_no_end(seal: Database) -> None:
    [found] = rows(seal.warehouse(), "SELECT REPEAT('x', 17000000) AS a, 1 AS b")
    assert (len(str(found["a"])), found["b"]) == (17_000_000, 1)


def test_rows_of_all_lengths_come_one_after_the_other(seal: Database) -> None:
    letters = "REPEAT(CHAR(64 + id % 26 USING utf8mb4), id * id % 70000)"
    sql = f"SELECT id, IF(id % 7, {letters}, NULL) AS x, email FROM customers"
    found = rows(seal.warehouse(), sql)
    assert len(found) == seals.ROWS
    for row in found:
        n = int(str(row["id"]))
        assert row["x"] == (chr(64 + n % 26) * (n * n % 70_000) if n % 7 else None)
        assert row["email"] == f"c{n}@example.com"
