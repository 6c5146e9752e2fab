"""PostgreSQL's types, from the server up to what a Template sees."""

import datetime
import math
import re
from collections.abc import Iterator

import pytest

from accelerator import rendering
from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql

ROLE = f"pgtypes_{elephants.RUN}"

# What the SQL says, and what stands in the record that a Template is rendered with.
SEEN: list[tuple[str, object]] = [
    ("1::smallint", 1),
    ("2::integer", 2),
    ("9223372036854775807", 9223372036854775807),
    ("0.5::real", 0.5),
    ("0.1::float8", 0.1),
    ("12345678901234567890.10::numeric", {"$numberDecimal": "12345678901234567890.10"}),
    ("1.10::numeric(10, 2)", {"$numberDecimal": "1.10"}),
    ("0::numeric", 0),
    ("-0.00001", {"$numberDecimal": "-0.00001"}),
    ("1e30::numeric", 10**30),
    ("'NaN'::numeric", "NaN"),
    ("'-Infinity'::numeric", "-Infinity"),
    ("NULL::numeric", None),
    ("true", True),
    ("false", False),
    ("DATE '2024-02-29'", "2024-02-29"),
    ("DATE '0001-01-03'", "0001-01-03"),
    ("DATE 'infinity'", None),
    ("DATE '0044-03-15 BC'", None),
    ("TIMESTAMP '2024-02-29 10:00:00.5'", "2024-02-29 10:00:00.500000"),
    ("TIMESTAMPTZ '2024-02-29 10:00:00+05:30'", "2024-02-29 04:30:00+00:00"),
    ("TIMESTAMPTZ '-infinity'", None),
    ("TIME '10:00'", "10:00:00"),
    ("'ä€😀'::text", "ä€😀"),
    ("'ä'::varchar(3)", "ä"),
    ("'c'::char(3)", "c  "),
    ("'n'::name", "n"),
    ("''", ""),
    ('\'{"a": [1, null, {"b": true}]}\'::jsonb', {"a": [1, None, {"b": True}]}),
    ("'{\"a\":  1}'::json", {"a": 1}),
    ("'null'::jsonb", None),
    ("'6f9619ff-8b86-d011-b42d-00cf4fc964ff'::uuid", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    ("'Ann@Example.com'::citext", "Ann@Example.com"),
    ("'red'::colour", "red"),
    ("7::small", 7),
    ("'hello'::bytea", "68656c6c6f"),
    ("ARRAY[1, NULL, 2]", [1, None, 2]),
    ("ARRAY['a', 'b']", ["a", "b"]),
    ("ARRAY[DATE '2024-02-29']", ["2024-02-29"]),
    ("19.99::real", 19.99),
    ("ARRAY[19.99::real, NULL, 'infinity'::real]", [19.99, None, float("inf")]),
    ("ARRAY['6f9619ff-8b86-d011-b42d-00cf4fc964ff'::uuid]", ["6f9619ff-8b86-d011-b42d-00cf4fc964ff"]),
    ("ARRAY[]::int[]", []),
    ("to_jsonb(ARRAY[[1, 2], [3, 4]])", [[1, 2], [3, 4]]),
    ("ROW(1, DATE '2024-02-29')::pair", {"a": 1, "b": "2024-02-29"}),
    ("ARRAY[ROW(1, NULL)::pair]", [{"a": 1}]),
]
KINDS = (
    "smallint", "integer", "bigint", "real", "float8", "numeric", "numeric(10, 2)", "boolean", "date", "timestamp",
    "timestamptz", "time", "text", "varchar(3)", "jsonb", "json", "uuid", "citext", "colour", "bytea", "integer[]",
)  # fmt: skip


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("pgtypes") as admin:
        admin.execute(
            """
            CREATE EXTENSION citext; CREATE TYPE colour AS ENUM ('red', 'blue');
            CREATE DOMAIN small AS integer CHECK (value < 10);
            CREATE DOMAIN numbers AS integer[];
            CREATE TYPE pair AS (a integer, b date);
            CREATE TYPE bundle AS (a integer[]);
            CREATE TYPE priced AS (price numeric);
            CREATE TYPE visit AS (a inet);
            CREATE TYPE outing AS (a visit, b integer);
            """
        )
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return postgresql(admin, ROLE)


def seen(warehouse: Warehouse, sql: str) -> list[object]:
    """The values of the column x, as a Template sees them."""
    with warehouses.open_stream(warehouse, sql) as stream:
        promised = stream.start()
        batches = list(stream)
    assert all(batch.schema == promised for batch in batches)
    return [rendering.plain(row["x"]) for batch in batches for row in warehouses.as_python(batch)]


@pytest.mark.parametrize(("sql", "value"), SEEN, ids=[sql for sql, _ in SEEN])
def test_a_template_sees_what_the_warehouse_meant(warehouse: Warehouse, sql: str, value: object) -> None:
    assert seen(warehouse, f"SELECT {sql} AS x") == [value]
    preview = warehouses.preview(warehouse, f"SELECT {sql} AS x")
    assert preview.rows == [{"x": value}]


def test_a_template_counts_with_a_numeric(warehouse: Warehouse) -> None:
    preview = warehouses.preview(warehouse, "SELECT 12.50 AS price, '[2.50]'::jsonb AS fees")
    assert preview.columns == {"price": "decimal number", "fees": "JSON"}
    template = rendering.compile_template(
        subject="{{ price }} {{ fees[0] }}", html="{{ price > 100 }} {{ price + fees[0] }}", text="x"
    )
    made = template.render(preview.rows[0], supplemental={}, unsubscribe_url="https://u.example")
    assert (made.subject, made.html) == ("12.50 2.50", "False 15.0")


@pytest.mark.parametrize("kind", KINDS)
def test_null_is_null_whatever_the_type(warehouse: Warehouse, kind: str) -> None:
    assert seen(warehouse, f"SELECT NULL::{kind} AS x FROM generate_series(1, 2)") == [None, None]


def test_null_without_a_type_is_null(warehouse: Warehouse) -> None:
    assert seen(warehouse, "SELECT NULL AS x") == [None]


def test_floats_that_are_no_number_stay_what_they_are(warehouse: Warehouse) -> None:
    sql = "SELECT x FROM (VALUES (1, 'NaN'::float8), (2, 'Infinity'), (3, '-Infinity')) v (n, x) ORDER BY n"
    found = [float(str(value)) for value in seen(warehouse, sql)]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
def test_a_moment_is_the_same_whatever_the_warehouse_calls_its_zone(
    admin: Connection, warehouse: Warehouse, zone: str
) -> None:
    admin.execute(f"ALTER ROLE {ROLE} SET timezone = '{zone}'".encode())
    try:
        with warehouses.open_stream(warehouse, "SELECT TIMESTAMPTZ '2024-02-29 10:00:00+00' AS x") as stream:
            stream.start()
            [row] = [row for batch in stream for row in warehouses.as_python(batch)]
    finally:
        admin.execute(f"ALTER ROLE {ROLE} RESET timezone".encode())
    assert row["x"] == datetime.datetime(2024, 2, 29, 10, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("'10.0.0.1'::inet", "type inet.*x::text AS x"),
        ("1.5::money", "type money.*x::numeric AS x"),
        ("4000000000::oid", "type oid.*x::bigint AS x"),
        ("int4range(1, 2)", "x::text AS x"),
        ("point(1, 2)", "x::text AS x"),
        ("B'101'", "x::text AS x"),
        ("to_tsvector('a')", "x::text AS x"),
        ("INTERVAL '1 day'", "type interval.*x::text AS x"),
        ("TIMETZ '10:00+02'", "type timetz.*x::text AS x"),
        ("ARRAY['10.0.0.1'::inet]", r"type inet\[\].*x::text\[\] AS x"),
        ("ARRAY[1.5::money]", r"x::text\[\] AS x"),
        ("ARRAY['a'::citext]", r"x::text\[\] AS x"),
        ("ARRAY[INTERVAL '1 day']", r"x::text\[\] AS x"),
    ],
)
def test_gibberish_is_refused_with_the_cast_that_helps(warehouse: Warehouse, sql: str, words: str) -> None:
    with pytest.raises(AudienceSqlError, match=words):
        seen(warehouse, f"SELECT {sql} AS x")
    cast = words.rpartition("*")[2].replace("\\", "").replace("x::", f"({sql})::")
    assert len(seen(warehouse, f"SELECT {cast}")) == 1


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("ROW(1, 2)", "record", {"f1": 1, "f2": 2}),
        ("ARRAY[ROW(1, 2)]", "record[]", [{"f1": 1, "f2": 2}]),
        ("ROW(ARRAY[[1, 2], [3, 4]])::bundle", "bundle", {"a": [[1, 2], [3, 4]]}),
        ("ARRAY[ROW(ARRAY[1])::bundle]", "bundle[]", [{"a": [1]}]),
        ("ROW(ROW('10.0.0.1'), 1)::outing", "outing", {"a": {"a": "10.0.0.1"}, "b": 1}),
        ("ARRAY[ARRAY[1]::numbers]", "numbers[]", [[1]]),
        ("ARRAY[9.5]", "numeric[]", [{"$numberDecimal": "9.5"}]),
        ("'{{1.5}}'::numeric[]", "numeric[]", [[{"$numberDecimal": "1.5"}]]),
        ("ARRAY['{\"a\": 1}'::jsonb]", "jsonb[]", [{"a": 1}]),
        ("ROW(9.5)::priced", "priced", {"price": {"$numberDecimal": "9.5"}}),
        ("ARRAY[ROW(9.5)::priced]", "priced[]", [{"price": {"$numberDecimal": "9.5"}}]),
    ],
)
def test_what_hides_in_a_type_of_parts_is_refused_too(
    warehouse: Warehouse, sql: str, kind: str, value: object
) -> None:
    words = f"type {kind}, which can't be read as it is: write to_jsonb(x) AS x in"
    with pytest.raises(AudienceSqlError, match=re.escape(words)):
        seen(warehouse, f"SELECT {sql} AS x")
    assert seen(warehouse, f"SELECT to_jsonb({sql}) AS x") == [value]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ARRAY[[1, 2], [3, 4]] AS x",
        "SELECT ARRAY[['a']] AS y, 1 AS y, ARRAY[[DATE '2024-02-29']] AS x",
        "SELECT ARRAY[[[1]]]::numbers AS x",
        "SELECT CASE n WHEN 30000 THEN ARRAY[[1, 2]] ELSE ARRAY[1] END AS x FROM generate_series(1, 30000) n",
    ],
)
def test_an_array_of_arrays_is_refused_in_whatever_row_it_stands(warehouse: Warehouse, sql: str) -> None:
    """The driver would give the Template one list of all their values."""
    with pytest.raises(AudienceSqlError, match=r'"[xy]" holds arrays of several.* to_jsonb\([xy]\) AS [xy] '):
        seen(warehouse, sql)


def test_columns_beside_arrays_keep_their_places_and_their_names(warehouse: Warehouse) -> None:
    sql = (
        """SELECT 1 AS "array_ndims", ARRAY['a'] AS "The List", '{"b": [2]}'::jsonb AS c, ARRAY[1] AS "c0" """
    )
    with warehouses.open_stream(warehouse, sql) as stream:
        promised = stream.start()
        [batch] = list(stream)
    assert batch.schema == promised
    assert warehouses.as_python(batch) == [{"array_ndims": 1, "The List": ["a"], "c": {"b": [2]}, "c0": [1]}]
