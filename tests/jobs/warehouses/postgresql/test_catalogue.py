"""The server's names of types, as it tells them of a SELECT that nobody has run yet."""

import re
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, Cancelled
from jobs.warehouses.postgresql import catalogue, session
from jobs.warehouses.postgresql.catalogue import called, type_of
from tests.jobs.warehouses.postgresql import elephants
from tests.jobs.warehouses.postgresql.test_types import seen
from tests.warehouses import PASSWORD, Connection, postgresql

ROLE = f"catalogue_{elephants.RUN}"

# The value, what a Template sees of it, and the server's type of the column.
DOMAINS: list[tuple[str, object, str]] = [
    ("'1.10'::price", {"$numberDecimal": "1.10"}, "numeric"),
    ("'1.10'::dear", {"$numberDecimal": "1.10"}, "numeric"),
    ("'{\"a\": [1]}'::profile", {"a": [1]}, "jsonb"),
    ("'6f9619ff-8b86-d011-b42d-00cf4fc964ff'::ticket", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "uuid"),
    ("'Ann@Example.com'::address", "Ann@Example.com", "citext"),
    ("ARRAY[1, 2]::numbers", [1, 2], "_int4"),
    ("'red'::colour", "red", "colour"),
    ("ARRAY['red'::colour]", ["red"], "_colour"),
    ("ARRAY[ROW(1, 'x')::plain]", [{"a": 1, "b": "x"}], "_plain"),
    (
        "ARRAY['6f9619ff-8b86-d011-b42d-00cf4fc964ff'::ticket, NULL::ticket]",
        ["6f9619ff-8b86-d011-b42d-00cf4fc964ff", None],
        "_ticket",
    ),
    (
        "ROW('6f9619ff-8b86-d011-b42d-00cf4fc964ff', ROW(1, NULL))::stub",
        {"number": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "seats": {"a": 1}},
        "stub",
    ),
]
HIDING: list[tuple[str, str, str]] = [
    ("ARRAY['{}'::profile]", "profile[]", "to_jsonb(x)"),
    ("ARRAY[1.5::dear]", "dear[]", "to_jsonb(x)"),
    ("ARRAY['a'::address]", "address[]", "x::text[]"),
    ("ARRAY[ARRAY[1]::numbers]", "numbers[]", "to_jsonb(x)"),
    ("ROW(1, '{}')::customer", "customer", "to_jsonb(x)"),
    ("ROW(ROW(1, '{}'))::visit", "visit", "to_jsonb(x)"),
    ("ARRAY[ROW(ROW(1, '{}'))::visit]", "visit[]", "to_jsonb(x)"),
    # The driver can't read what a column was dropped from.
    ("ROW(1, 'x')::pair", "pair", "x::text"),
    ("1.5::coins", "coins", "x::numeric"),
    ("ARRAY[1.5::coins]", "coins[]", "x::text[]"),
]


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("catalogue") as admin:
        admin.execute(
            """
            CREATE EXTENSION citext; CREATE TYPE colour AS ENUM ('red', 'blue');
            CREATE DOMAIN price AS numeric(10, 2); CREATE DOMAIN dear AS price CHECK (value > 1);
            CREATE DOMAIN profile AS jsonb; CREATE DOMAIN ticket AS uuid; CREATE DOMAIN address AS citext;
            CREATE DOMAIN numbers AS integer[]; CREATE DOMAIN coins AS money;
            CREATE TYPE pair AS (a integer, gone text, b text); ALTER TYPE pair DROP ATTRIBUTE gone;
            CREATE TYPE plain AS (a integer, b text); CREATE TYPE stub AS (number uuid, seats plain);
            CREATE TYPE customer AS (a integer, b jsonb); CREATE TYPE visit AS (who customer);
            CREATE FUNCTION slow() RETURNS integer IMMUTABLE LANGUAGE plpgsql
                AS $$ BEGIN PERFORM pg_sleep(60); RETURN 1; END $$;
            """
        )
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return postgresql(admin, ROLE)


def described(warehouse: Warehouse, sql: str) -> pa.Schema:
    with dbapi.connect(session.address(warehouse.location, PASSWORD), autocommit=True) as line:
        session.begin(line)
        with line.cursor() as cursor:
            return catalogue.named(line, sql, cursor.adbc_execute_schema(sql))


@pytest.mark.parametrize(("sql", "value", "kind"), DOMAINS, ids=[sql for sql, *_ in DOMAINS])
def test_a_type_is_what_it_narrows_or_consists_of(
    warehouse: Warehouse, sql: str, value: object, kind: str
) -> None:
    assert type_of(described(warehouse, f"SELECT {sql} AS x").field("x")) == kind
    assert seen(warehouse, f"SELECT {sql} AS x") == [value]


@pytest.mark.parametrize(("sql", "kind", "cast"), HIDING, ids=[sql for sql, *_ in HIDING])
def test_what_would_mislead_is_refused_behind_any_name(
    warehouse: Warehouse, sql: str, kind: str, cast: str
) -> None:
    words = f"of PostgreSQL's type {kind}, which can't be read as it is: write {cast} AS x"
    with pytest.raises(AudienceSqlError, match=re.escape(words)):
        seen(warehouse, f"SELECT {sql} AS x")


def test_columns_are_told_apart_by_their_places(warehouse: Warehouse) -> None:
    schema = described(
        warehouse, """SELECT 1.5 AS x, '{}'::jsonb AS x, 2 AS "c0", NULL, ROW(1, '{}')::customer AS y"""
    )
    assert [type_of(field) for field in schema] == ["numeric", "jsonb", "int4", "text", "customer"]
    assert [type_of(part) for part in schema.field(4).type] == ["int4", "jsonb"]
    assert called(described(warehouse, "SELECT 2::dear AS x").field("x")) == "dear"


def test_a_select_without_columns_has_no_types(warehouse: Warehouse) -> None:
    assert described(warehouse, "SELECT FROM customers").names == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_sleep(60)::text AS x",
        "WITH w AS MATERIALIZED (SELECT pg_sleep(60)::text AS x) TABLE w",
        "SELECT (SELECT pg_sleep(60)::text) AS x FROM customers",
        "SELECT generate_series(1, 1000000000)::text AS x ORDER BY 1",
        "VALUES (pg_sleep(60)::text)",
        "SELECT y.x FROM (SELECT id::text AS x FROM customers) AS y, LATERAL (SELECT pg_sleep(60), y.x) AS z",
    ],
)
def test_nothing_is_run_to_learn_the_types(warehouse: Warehouse, sql: str) -> None:
    began = time.monotonic()
    assert [type_of(field) for field in described(warehouse, sql)] == ["text"]
    assert time.monotonic() - began < 30


def test_a_cancel_ends_the_asking_too(admin: Connection, warehouse: Warehouse) -> None:
    """What the server plans it may compute already."""
    with warehouses.open_stream(warehouse, "SELECT slow() AS x") as stream:

        def end() -> None:
            asking = "SELECT FROM pg_stat_activity WHERE usename = %s AND query LIKE '%%pg_typeof%%'"
            while admin.execute(asking, [ROLE]).fetchone() is None:
                time.sleep(0.02)
            stream.cancel()

        ender = threading.Thread(target=end)
        ender.start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            stream.start()
        assert time.monotonic() - began < 30
        ender.join()
    assert elephants.gone(admin, ROLE)
