"""Databases that keep text in another encoding, or in none: what is no UTF-8 is a sentence, and all else arrives."""

from collections.abc import Iterator

import pytest

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, Value
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql

PLAIN, LATIN, UNICODE = (f"{name}_{elephants.RUN}" for name in ("ascii", "latin", "unicode"))
SAID = 'The column "{}" holds text that is not UTF-8: leave it out, or convert it in the SQL'
BAD = "E'f\\374r'"
PAIR = "CREATE TYPE pair AS (n int, word text); CREATE EXTENSION citext"


@pytest.fixture(scope="module")
def plain_database() -> Iterator[Connection]:
    with elephants.database("ascii", "SQL_ASCII") as admin:
        admin.execute(PAIR)
        yield admin


@pytest.fixture(scope="module")
def latin_database() -> Iterator[Connection]:
    with elephants.database("latin", "LATIN1") as admin:
        admin.execute(PAIR)
        yield admin


@pytest.fixture(scope="module")
def unicode_database() -> Iterator[Connection]:
    with elephants.database("unicode") as admin:
        yield admin


@pytest.fixture
def plain(plain_database: Connection) -> Warehouse:
    """In SQL_ASCII, which takes whatever bytes it is given."""
    return postgresql(plain_database, PLAIN)


@pytest.fixture
def latin(latin_database: Connection) -> Warehouse:
    return postgresql(latin_database, LATIN)


@pytest.fixture
def unicode(unicode_database: Connection) -> Warehouse:
    return postgresql(unicode_database, UNICODE)


def rows(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


@pytest.mark.parametrize(
    "value",
    [
        *(
            BAD,
            f"{BAD}::varchar(9)",
            f"{BAD}::char(9)",
            f"{BAD}::citext",
            f"{BAD}::name",
            "E'\\374'::\"char\"",
        ),
        *(f"ARRAY['good', {BAD}]", f"ROW(1, {BAD})::pair", f"ARRAY[ROW(1, {BAD})::pair]"),
        *(
            f"('\"' || {BAD} || '\"')::json",
            f"('\"' || {BAD} || '\"')::jsonb",
        ),
    ],
)
def test_it_names_the_column_for_every_type(plain: Warehouse, value: str) -> None:
    sql = f"SELECT 1 AS id, 'ann@example.com' AS email, {value} AS first_name, 'ü' AS good"
    with pytest.raises(AudienceSqlError) as caught:
        rows(plain, sql)
    assert str(caught.value).startswith(SAID.format("first_name"))
    with pytest.raises(AudienceSqlError) as caught:
        warehouses.preview(plain, sql)
    assert str(caught.value).startswith(SAID.format("first_name"))


def test_what_is_advised_mends_it(plain: Warehouse) -> None:
    with pytest.raises(AudienceSqlError) as caught:
        rows(plain, f"SELECT {BAD} AS name")
    mended = str(caught.value).partition("as convert")[2].partition(" does with Latin-1")[0]
    assert rows(plain, f"SELECT convert{mended} FROM (SELECT {BAD} AS name) AS people") == [{"name": "für"}]


def test_it_is_found_in_the_last_record_batch_too(plain: Warehouse) -> None:
    long = f"CASE WHEN n < 9999 THEN repeat('x', 1000) ELSE {BAD} END AS x"
    with warehouses.open_stream(plain, f"SELECT {long} FROM generate_series(1, 9999) n") as stream:
        stream.start()
        batches = iter(stream)
        assert sum(next(batches).num_rows for _ in range(2)) < 9999
        with pytest.raises(AudienceSqlError, match="not UTF-8"):
            list(batches)


def test_good_text_passes_in_a_database_that_knows_no_encoding(plain: Warehouse) -> None:
    values = "'ü€😀' AS a, ARRAY['ü', NULL] AS b, ROW(1, 'ü')::pair AS c, 'ü'::citext AS d, '{\"ü\": 1}'::jsonb AS e"
    [found] = rows(
        plain, f"SELECT {values}, {BAD}::bytea AS f, '24:00'::time::text AS g, {{{{ who }}}} AS h", who="ö"
    )
    assert found == {
        "a": "ü€😀",
        "b": ["ü", None],
        "c": {"n": 1, "word": "ü"},
        "d": "ü",
        "e": {"ü": 1},
        "f": b"f\xfcr",
        "g": "24:00:00",
        "h": "ö",
    }


def test_a_name_that_is_none_is_a_sentence(plain_database: Connection, plain: Warehouse) -> None:
    plain_database.execute(
        "DO $$ BEGIN EXECUTE E'CREATE VIEW odd AS SELECT 1 AS \"f\\374r\", 2 AS b'; END $$"
    )
    plain_database.execute(f"GRANT SELECT ON odd TO {PLAIN}".encode())
    with pytest.raises(AudienceSqlError, match="A column's name is not UTF-8"):
        rows(plain, "SELECT * FROM odd")
    assert rows(plain, "SELECT a, b FROM odd AS o (a, b)") == [{"a": 1, "b": 2}]


def test_the_server_converts_what_a_database_keeps_in_another_encoding(latin: Warehouse) -> None:
    [found] = rows(
        latin,
        f"SELECT {BAD} AS a, ARRAY[{BAD}] AS b, ROW(1, {BAD})::pair AS c, {BAD} = {{{{ who }}}} AS d",
        who="für",
    )
    assert found == {"a": "für", "b": ["für"], "c": {"n": 1, "word": "für"}, "d": True}


def test_the_server_converts_whatever_the_location_and_the_role_want(
    latin_database: Connection, latin: Warehouse
) -> None:
    latin_database.execute(f"ALTER ROLE {LATIN} SET client_encoding = 'LATIN1'".encode())
    assert rows(latin, f"SELECT {BAD} AS a") == [{"a": "für"}]
    latin.location += "&client_encoding=LATIN1"
    assert rows(latin, f"SELECT {BAD} AS a") == [{"a": "für"}]


@pytest.mark.parametrize("local", ["true", "false"])
def test_sql_that_changes_the_encoding_is_found_out(unicode: Warehouse, local: str) -> None:
    changing = f"set_config('client_encoding', 'LATIN1', {local})"
    with pytest.raises(AudienceSqlError, match='"first_name" holds text that is not UTF-8'):
        rows(unicode, f"SELECT {changing} AS a, 'für' AS first_name FROM generate_series(1, 3)")
    with pytest.raises(AudienceSqlError, match='"first_name" holds text that is not UTF-8'):
        warehouses.preview(unicode, f"SELECT {changing} AS a, 'für' AS first_name FROM generate_series(1, 3)")
    assert rows(unicode, "SELECT 'für' AS first_name") == [{"first_name": "für"}]


def test_bytes_that_the_server_finds_to_be_no_text_are_said_to_be_so(unicode: Warehouse) -> None:
    with pytest.raises(
        AudienceSqlError, match=r"upon text that is not UTF-8: .* says: invalid byte sequence"
    ):
        rows(unicode, "SELECT convert_from('\\x66fc72'::bytea, 'UTF8') AS x")


def test_the_role_can_be_looked_at_in_any_of_them(plain: Warehouse, latin: Warehouse) -> None:
    for warehouse in (plain, latin):
        assert warehouses.examine(warehouse) == []
        with warehouses.open_stream(warehouse, "SELECT pg_sleep(0)::text AS x") as stream:
            stream.start()


def test_redshift_says_so_too(plain_database: Connection, unicode_database: Connection) -> None:
    """The driver and the server do not say in which column."""
    plain = elephants.redshift(plain_database, PLAIN)
    assert rows(plain, "SELECT 'ü' AS x") == [{"x": "ü"}]
    for many in (1, 9999):
        with pytest.raises(AudienceSqlError, match="text that is not UTF-8"):
            rows(
                plain,
                f"SELECT CASE WHEN n < {many} THEN 'a' ELSE {BAD} END AS x FROM generate_series(1, {many}) n",
            )
    unicode = elephants.redshift(unicode_database, UNICODE)
    changing = "CASE WHEN n = {many} THEN set_config('client_encoding', 'LATIN1', true) END AS a"
    for many in (1, 9999):
        sql = f"SELECT {changing.format(many=many)}, 'ü' AS x FROM generate_series(1, {many}) n"
        with pytest.raises(AudienceSqlError, match="text that is not UTF-8"):
            rows(unicode, sql)
