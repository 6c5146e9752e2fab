"""Any other database through SQLAlchemy: on SQLite, on the tests' PostgreSQL, and on MariaDB where it is there.

They have kinds of their own, and are refused by their names here; so they stand for others, by other names.
"""

import datetime
import sqlite3
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading.base import Query
from jobs.warehouses import (
    AudienceSqlError,
    Cancelled,
    LocationRefused,
    Value,
    WarehouseUnreachable,
    locations,
)
from jobs.warehouses.sqlalchemy import connector
from tests.jobs.warehouses.mysql import seals
from tests.jobs.warehouses.postgresql import elephants
from tests.jobs.warehouses.sqlalchemy import others  # noqa: F401 - which registers what they are called here
from tests.security.held import Held, refusal, refused, rows
from tests.warehouses import PASSWORD, Connection

COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


def through(location: str, secret: str = "") -> Warehouse:
    return Warehouse(
        name="any", kind=Kind.SQLALCHEMY, location=location, secret=warehouses.seal_secret(secret)
    )


@pytest.fixture
def lite(tmp_path: Path) -> Warehouse:
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE customers (id int, email text)")
        people = [(n, f"c{n}@example.com") for n in range(1, 5001)]
        connection.executemany("INSERT INTO customers VALUES (?, ?)", people)
    connection.close()
    return through(f"lite:///{tmp_path / 'shop.sqlite'}")


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("sqlalchemy") as connection:
        yield connection


@pytest.fixture
def elephant(admin: Connection) -> Warehouse:
    info = admin.info
    name = f"sqlalchemy_{elephants.RUN}"
    where = f"elephant+psycopg://{name}@/{info.dbname}?host={quote(info.host)}&port={info.port}"
    return through(where, PASSWORD)


def bound(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in batch.to_pylist()]


def test_it_streams_what_a_select_gives(lite: Warehouse, elephant: Warehouse) -> None:
    for warehouse, many in ((lite, 5000), (elephant, elephants.ROWS)):
        found = rows(warehouse, "SELECT id, email FROM customers ORDER BY id")
        assert found == [{"id": n, "email": f"c{n}@example.com"} for n in range(1, many + 1)]
        assert warehouses.count(warehouse, "SELECT id FROM customers;") == many
        assert warehouses.columns(warehouse, "SELECT id FROM customers WHERE id < 0") == {"id": "text"}


def test_it_streams_batches_that_stay_small(elephant: Warehouse) -> None:
    with warehouses.open_stream(
        elephant, "SELECT n, repeat('x', 10000) AS x FROM generate_series(1, 3000) n"
    ) as s:
        s.start()
        sizes = [batch.nbytes for batch in s]
    assert len(sizes) > 5
    assert max(sizes) < 8 << 20


def test_postgresql_values_keep_their_meaning(elephant: Warehouse) -> None:
    [first, second] = rows(
        elephant,
        "SELECT * FROM (VALUES (1, true, 1.50, 0.5::float8, date '2026-02-03', timestamp '2026-02-03 04:05:06.7', "
        "timestamptz '2026-02-03 04:05:06+02', 'é'::text, '{\"a\": [1]}'::jsonb, ARRAY[1, 2], '\\x00ff'::bytea, "
        "'6ccd780c-baba-1026-9564-5b8c656024db'::uuid, time '10:11'), "
        "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) "
        "v (i, b, d, f, day, naive, aware, t, j, a, x, u, clock) ORDER BY i",
    )
    assert first == {
        "i": 1,
        "b": True,
        "d": Decimal("1.50"),
        "f": 0.5,
        "day": datetime.date(2026, 2, 3),
        "naive": datetime.datetime(2026, 2, 3, 4, 5, 6, 700_000),
        "aware": datetime.datetime(2026, 2, 3, 2, 5, 6, tzinfo=datetime.UTC),
        "t": "é",
        "j": {"a": [1]},
        "a": [1, 2],
        "x": b"\x00\xff",
        "u": "6ccd780c-baba-1026-9564-5b8c656024db",
        "clock": "10:11:00",
    }
    assert set(second.values()) == {None}


@pytest.mark.parametrize("text", ["'; DROP TABLE customers; --", ":id", "{{ id }}", "\\:x %s %(a)s", "é😀"])
def test_values_are_bound_and_colons_stay_colons(lite: Warehouse, elephant: Warehouse, text: str) -> None:
    for warehouse in (lite, elephant):
        sql = "SELECT {{ t }} AS t, ':t 10:30 %s %%' AS colon, {{ n }}+{{n}} AS n FROM customers WHERE id={{ n }}"
        assert bound(warehouse, sql, t=text, n=2) == [{"t": text, "colon": ":t 10:30 %s %%", "n": 4}]
    assert bound(elephant, "SELECT {{ n }}::text || id::text AS x FROM customers LIMIT{{ n }}", n=1) == [
        {"x": "11"}
    ]


def test_values_are_bound_as_what_they_are(elephant: Warehouse) -> None:
    values: dict[str, Value] = {
        "i": 2**40,
        "d": Decimal("1.25"),
        "yes": True,
        "day": datetime.date(2026, 1, 2),
        "noon": datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC),
    }
    sql = "SELECT " + ", ".join(f"{{{{ {name} }}}} AS {name}" for name in values)
    assert bound(elephant, sql, **values) == [values]


def test_a_column_of_several_types_is_told_of(lite: Warehouse) -> None:
    sql = "SELECT id, CASE WHEN id < 4000 THEN id ELSE 'x' END AS x FROM customers ORDER BY id"
    assert 'The column "x" holds values that are not all of the type whole number, as' in refusal(lite, sql)
    assert rows(lite, sql.replace(" END", " || '' END").replace("THEN id", "THEN id || ''"))[0]["x"] == "1"


HOSTILE = (
    "INSERT INTO customers VALUES (0, 'x')",
    "DELETE FROM customers",
    "DROP TABLE customers",
    "WITH gone AS (SELECT 1) DELETE FROM customers",
    "SELECT 1; DELETE FROM customers",
    "SELECT 1; COMMIT; DELETE FROM customers",
    "SELECT '\\'; DELETE FROM customers; --'",
    "SELECT 1 /* '; */; DELETE FROM customers",
    "-- SELECT\nDELETE FROM customers",
    "/* SELECT */ DELETE FROM customers",
    "COMMIT",
    "VACUUM",
    "VACUUM INTO '{folder}/out'",
    "ATTACH '{folder}/out' AS x",
    "PRAGMA query_only = OFF",
    "COPY customers TO PROGRAM 'touch {folder}/out'",
    "CALL x()",
    "SET transaction_read_only = off",
    "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id FROM gone",
    "SELECT * INTO more FROM customers",
    "SELECT id FROM customers FOR UPDATE",
)


def test_it_is_not_written_to(lite: Warehouse, elephant: Warehouse, tmp_path: Path) -> None:
    for warehouse in (lite, elephant):
        refused(Held(warehouse, tmp_path), HOSTILE)


def test_whoever_could_write_is_undone(admin: Connection, tmp_path: Path) -> None:
    info = admin.info
    powerful = through(
        f"elephant+psycopg://{info.user}@/{info.dbname}?host={quote(info.host)}&port={info.port}"
    )
    admin.execute(
        "CREATE FUNCTION write_one() RETURNS int LANGUAGE sql AS 'INSERT INTO customers VALUES (0, NULL) RETURNING 1'"
    )
    before = admin.execute("SELECT count(*) FROM customers").fetchone()
    assert "read-only transaction" in refusal(powerful, "SELECT write_one()")
    assert admin.execute("SELECT count(*) FROM customers").fetchone() == before


@pytest.mark.parametrize("ending", ["", " RETURNING id"])
def test_what_is_no_select_after_all_is_undone(lite: Warehouse, ending: str) -> None:
    """Asked of the connector itself, as if nobody had read the SQL before."""
    sql = f"WITH gone AS (SELECT 1) DELETE FROM customers WHERE id = 1{ending}"
    with connector.open_stream(lite.location, "", Query(sql)) as stream:
        if ending:
            read(stream)
        else:
            with pytest.raises(AudienceSqlError, match="It was undone"):
                read(stream)
    assert warehouses.count(lite, "SELECT id FROM customers") == 5000


def test_examining_always_says_that_nothing_holds_the_role(lite: Warehouse, elephant: Warehouse) -> None:
    for warehouse in (lite, elephant):
        [unheld] = warehouses.examine(warehouse)
        assert "can't be locked down by Accelerator" in unheld


def test_a_cancel_ends_the_query(admin: Connection, lite: Warehouse, elephant: Warehouse) -> None:
    thinking = "SELECT count(*) AS n FROM generate_series(1, 100000000000) n"
    for warehouse, sql in ((lite, COUNTING), (elephant, COUNTING), (elephant, thinking)):
        with warehouses.open_stream(warehouse, sql) as stream:
            threading.Timer(0.5, stream.cancel).start()
            began = time.monotonic()
            with pytest.raises(Cancelled):
                read(stream)
            assert time.monotonic() - began < 5
    gone(admin)


def read(stream: warehouses.Stream) -> None:
    stream.start()
    for _ in stream:
        pass


def gone(admin: Connection) -> None:
    deadline = time.monotonic() + 10
    while elephants.sessions(admin, f"sqlalchemy_{elephants.RUN}"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stream_that_is_left_half_way_leaves_nothing_behind(admin: Connection, elephant: Warehouse) -> None:
    with warehouses.open_stream(elephant, COUNTING) as stream:
        stream.start()
        next(iter(stream))
        assert stream.working()
    gone(admin)


def test_a_query_may_not_take_longer_than_the_setting(lite: Warehouse, settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 1
    with pytest.raises(AudienceSqlError, match="takes longer than"):
        rows(lite, f"SELECT max(i) AS x FROM ({COUNTING}) t")


def test_a_line_that_breaks_is_one(admin: Connection, elephant: Warehouse) -> None:
    with warehouses.open_stream(elephant, COUNTING) as stream:
        stream.start()
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
        admin.execute(ending, [f"sqlalchemy_{elephants.RUN}"])
        with pytest.raises(WarehouseUnreachable, match="line to the warehouse broke"):
            for _ in stream:
                pass


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("nonsense", "must look like dialect"),
        ("nosuch://u@h/d", 'knows no database "nosuch"'),
        ("oracle+oracledb://u@h/d", 'driver "oracledb" is not installed'),
        ("elephant+psycopg://u:word@h/d", "holds a password"),
        ("elephant+psycopg://u@h/d?password=word", "holds a password"),
        ("elephant+psycopg://u@127.0.0.1:1/d", "can't be reached"),
        ("elephant+psycopg://u@127.0.0.1:port/d", "must look like dialect"),
    ],
)
def test_it_says_what_is_wrong_with_a_location(location: str, said: str) -> None:
    with pytest.raises(WarehouseUnreachable, match=said) as caught:
        warehouses.check(through(location, "a-secret-word"))
    assert "a-secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("postgresql+psycopg://u@127.0.0.1:1/d", Kind.POSTGRESQL),
        ("postgresql+nosuch://u@127.0.0.1:1/d", Kind.POSTGRESQL),
        ("PostgreSQL://u@127.0.0.1:1/d", Kind.POSTGRESQL),
        ("postgres://u@127.0.0.1:1/d", Kind.POSTGRESQL),
        ("mammoth+psycopg://u@127.0.0.1:1/d", Kind.POSTGRESQL),
        ("redshift+psycopg2://u@127.0.0.1:1/d", Kind.REDSHIFT),
        ("mysql+pymysql://u@127.0.0.1:1/d", Kind.MYSQL),
        ("mariadb+pymysql://u@127.0.0.1:1/d", Kind.MYSQL),
        ("sqlite:///shop.sqlite", Kind.SQLITE),
        ("sqlite+aiosqlite:///shop.sqlite", Kind.SQLITE),
        ("duckdb:///shop.duckdb", Kind.DUCKDB),
        ("snowflake://u@account/d", Kind.SNOWFLAKE),
        ("bigquery://project/d", Kind.BIGQUERY),
        ("databricks://token@h/d", Kind.DATABRICKS),
    ],
)
def test_what_has_a_kind_of_its_own_is_refused_with_its_name(location: str, kind: Kind) -> None:
    for act in (warehouses.check, warehouses.examine):
        with pytest.raises(LocationRefused) as caught:
            act(through(location, "a-secret-word"))
        assert f'choose the kind "{kind.label}"' in str(caught.value)
    with pytest.raises(LocationRefused):
        connector.examine(location, "a-secret-word")


def test_every_kind_but_this_one_is_refused() -> None:
    assert set(locations.OWN_KINDS.values()) == set(Kind) - {Kind.SQLALCHEMY}


def test_nothing_is_read_or_made_through_what_is_refused(admin: Connection, tmp_path: Path) -> None:
    """A superuser's files of the server, and the path of a file that is not there."""
    info = admin.info
    superuser = f"postgresql+psycopg://{info.user}@/{info.dbname}?host={quote(info.host)}&port={info.port}"
    for location in (superuser, f"sqlite:///{tmp_path}/new.sqlite"):
        with pytest.raises(LocationRefused):
            rows(through(location), "SELECT pg_read_file('/etc/passwd') AS x")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WarehouseUnreachable, match="can't be reached"):
        warehouses.check(through(f"lite:///{tmp_path}/nowhere/shop.sqlite"))


def test_what_the_database_refuses_is_said_in_its_words_alone(elephant: Warehouse) -> None:
    said = refusal(elephant, "SELECT {{ x }} AS x FROM nowhere".replace("{{ x }}", "'private'"))
    assert 'relation "nowhere" does not exist' in said
    assert not any(word in said for word in ("sqlalche.me", "psycopg", "[SQL", PASSWORD))


@pytest.fixture(scope="module")
def seal(request: pytest.FixtureRequest) -> Iterator[seals.Database]:
    with seals.database(request.config, "w_sqlalchemy") as database:
        yield database


def test_mariadb_is_read_ended_and_left_alone(seal: seals.Database) -> None:
    warehouse = through(seal.location().replace("mysql://", "seal+pymysql://"), seals.PASSWORD)
    assert len(rows(warehouse, "SELECT id, email FROM customers")) == seals.ROWS
    assert "refuses" in refusal(warehouse, "SELECT id FROM nowhere")
    endless = "SELECT a.id, b.email FROM customers a JOIN customers b JOIN customers c"
    with warehouses.open_stream(warehouse, endless) as stream:
        stream.start()
        stream.cancel()
        with pytest.raises(Cancelled):
            for _ in stream:
                pass
    with warehouses.open_stream(warehouse, endless) as stream:
        stream.start()
    deadline = time.monotonic() + 10
    while seal.sessions():
        assert time.monotonic() < deadline
        time.sleep(0.02)
