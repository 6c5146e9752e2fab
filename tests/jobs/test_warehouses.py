"""Warehouses: real DuckDB files and a real PostgreSQL; what they refuse, and in which words."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import AudienceSqlError, Cancelled, WarehouseUnreachable, apart
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql, reader


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(
            "CREATE TABLE customers AS SELECT range AS id, 'c' || range || '@example.com' AS email FROM range(1000)"
        )
    return Warehouse(name="duck", kind=Kind.DUCKDB, location=str(path))


@pytest.fixture(scope="module")
def herd(django_db_setup: None) -> Iterator[Connection]:
    """A database of its own, as another worker may be at the same test."""
    with elephants.database("herd") as admin:
        admin.execute("DROP TABLE customers")
        admin.execute(
            "CREATE TABLE customers AS SELECT n AS id, 'c' || n || '@example.com' AS email, n * 1.10 AS total, "
            "jsonb_build_object('n', n) AS extra FROM generate_series(1, 1000) n"
        )
        reader(admin)
        yield admin


@pytest.fixture
def elephant(herd: Connection) -> Warehouse:
    """A PostgreSQL warehouse."""
    return postgresql(herd)


@pytest.fixture(params=["duck", "elephant"])
def warehouse(request: pytest.FixtureRequest, transactional_db: None) -> Warehouse:
    found: Warehouse = request.getfixturevalue(request.param)
    return found


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql) as stream:
        stream.start()
        return [row for batch in stream for row in batch.to_pylist()]


def test_it_streams_every_row(warehouse: Warehouse) -> None:
    assert len(rows(warehouse, "SELECT id, email FROM customers")) == 1000


def test_a_preview_gives_columns_and_the_first_rows(warehouse: Warehouse) -> None:
    preview = warehouses.preview(warehouse, "SELECT id, email FROM customers ORDER BY id;", limit=2)
    assert list(preview.columns) == ["id", "email"]
    assert len(preview.rows) == 2


def test_it_counts(warehouse: Warehouse) -> None:
    assert warehouses.count(warehouse, "SELECT * FROM customers -- all of them") == 1000


def test_columns_are_known_without_running_the_query(warehouse: Warehouse) -> None:
    assert list(warehouses.columns(warehouse, "SELECT email, id FROM customers;")) == ["email", "id"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers",
        "UPDATE customers SET email = 'x'",
        "INSERT INTO customers (id) VALUES (0)",
        "DROP TABLE customers",
        "CREATE TABLE more (id int)",
        "SELECT 1; DELETE FROM customers",
        "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id FROM gone",
        "COPY customers TO '/tmp/customers.csv'",
        "SELECT * FROM customers; COMMIT; DROP TABLE customers",
    ],
)
def test_sql_that_writes_is_refused_and_nothing_changes(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(AudienceSqlError):
        rows(warehouse, sql)
    assert warehouses.count(warehouse, "SELECT * FROM customers") == 1000


@pytest.mark.parametrize(
    ("sql", "words"), [("SELECT nope FROM customers", "nope"), ("SELEC 1", "SELEC"), ("", "no SQL")]
)
def test_sql_that_fails_says_what_is_wrong(warehouse: Warehouse, sql: str, words: str) -> None:
    with pytest.raises(AudienceSqlError, match=words):
        rows(warehouse, sql)


def test_duckdb_reads_no_other_file(duck: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="Permission"):
        rows(duck, "SELECT * FROM '/etc/passwd.csv'")
    with pytest.raises(AudienceSqlError, match="read_csv does something else"):
        rows(duck, "SELECT * FROM read_csv('/etc/passwd')")


def test_a_warehouse_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    for absent in (
        Warehouse(name="a", kind=Kind.DUCKDB, location=str(tmp_path / "absent.duckdb")),
        Warehouse(name="b", kind=Kind.POSTGRESQL, location="postgresql://nobody@127.0.0.1:1/nothing"),
    ):
        with pytest.raises(WarehouseUnreachable):
            warehouses.check(absent)


def test_the_password_stands_in_no_error() -> None:
    secret = warehouses.seal_secret("hunter2-hunter2")
    warehouse = Warehouse(
        name="b", kind=Kind.POSTGRESQL, location="postgresql://me@127.0.0.1:1/x", secret=secret
    )
    assert "hunter2" not in secret
    with pytest.raises(WarehouseUnreachable) as caught:
        warehouses.check(warehouse)
    assert "hunter2" not in str(caught.value)


def test_a_secret_may_be_a_reference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    from jobs.warehouses import secrets

    settings.WAREHOUSE_SECRETS = str(tmp_path)
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "from the environment")
    (tmp_path / "password").write_text("from a file\n")
    assert secrets.unseal(secrets.seal("env:WAREHOUSE_PASSWORD")) == "from the environment"
    assert secrets.unseal(secrets.seal(f"file:{tmp_path / 'password'}")) == "from a file"
    assert secrets.unseal(secrets.seal("plain")) == "plain"


SLOW = {
    "duck": "SELECT a.id, count(*) AS n FROM customers a, customers b, customers c, customers d GROUP BY a.id",
    "pg": "SELECT id, pg_sleep(0.1)::text AS slept FROM customers",
}


def test_a_running_query_is_ended_from_another_thread(warehouse: Warehouse) -> None:
    with warehouses.open_stream(warehouse, SLOW[warehouse.name]) as stream:
        threading.Timer(0.5, stream.cancel).start()
        with pytest.raises(Cancelled):
            read_all(stream)


class Deaf:
    """A stream that a cancel does not reach."""

    def start(self) -> pa.Schema:
        return pa.schema({"n": pa.int64()})

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from [pa.record_batch({"n": [1]})] * 1000

    def cancel(self) -> None:
        pass

    def working(self) -> bool:
        return True


def test_who_has_cancelled_waits_for_no_end_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    with apart.read(nullcontext(Deaf()), 60.0, 0.0) as stream:
        stream.start()
        monkeypatch.setattr(apart, "GRACE", 0.0)
        stream.cancel()
        with pytest.raises(Cancelled):
            list(stream)


def read_all(stream: warehouses.Stream) -> None:
    stream.start()
    for _ in stream:
        pass


def test_postgresql_numbers_and_documents_keep_their_meaning(elephant: Warehouse) -> None:
    [row] = rows(elephant, "SELECT total, extra FROM customers WHERE id = 3")
    assert Decimal(str(row["total"])) == Decimal("3.30")
    assert str(row["extra"]).replace(" ", "") == '{"n":3}'


def test_a_comment_may_end_the_sql(warehouse: Warehouse) -> None:
    for end in ("-- everybody", "; -- everybody", ";\n/* every\nbody */ -- now", ";"):
        assert len(rows(warehouse, f"SELECT id FROM customers {end}")) == 1000
        assert warehouses.count(warehouse, f"SELECT id FROM customers {end}") == 1000
        assert list(warehouses.columns(warehouse, f"SELECT id FROM customers {end}")) == ["id"]


def test_postgresql_uuid_and_citext_are_text(herd: Connection, elephant: Warehouse) -> None:
    herd.execute("CREATE EXTENSION IF NOT EXISTS citext")
    sql = "SELECT '6f9619ff-8b86-d011-b42d-00cf4fc964ff'::uuid AS id, 'Ann@Example.com'::citext AS email"
    assert rows(elephant, sql) == [{"id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "email": "Ann@Example.com"}]


@pytest.mark.parametrize(
    ("value", "words"), [("'10.0.0.1'::inet", "x::text AS x"), ("1.5::money", "x::numeric AS x")]
)
def test_postgresql_types_that_would_be_gibberish_are_refused_with_the_cast(
    elephant: Warehouse, value: str, words: str
) -> None:
    with pytest.raises(AudienceSqlError, match=words):
        rows(elephant, f"SELECT {value} AS x")


def test_times_that_python_can_not_hold_are_null(warehouse: Warehouse) -> None:
    sql = (
        "SELECT CAST('infinity' AS timestamp) AS a, CAST('-infinity' AS date) AS b, "
        "CAST('12000-01-01' AS timestamp) AS c, CAST('2024-02-29 10:00:00' AS timestamp) AS d"
    )
    [row] = rows(warehouse, sql)
    assert (row["a"], row["b"], row["c"], str(row["d"])) == (None, None, None, "2024-02-29 10:00:00")


KEEPS_THE_ERROR = """
import django, faulthandler, sys
django.setup()
from jobs.reading.duckdb import connector
from jobs.reading.base import Limits, Query
LIMITS = Limits('96MB', 1 << 30)
faulthandler.dump_traceback_later(60, exit=True)
try:
    with connector.open_stream(sys.argv[1], Query("SELECT range AS id FROM range(3000000)"), LIMITS) as stream:
        stream.start()
        next(iter(stream))
        raise ValueError
except ValueError as error:
    kept = error
with connector.open_stream(sys.argv[1], Query("SELECT 1 AS id"), LIMITS) as stream:
    stream.start()
    print([batch.num_rows for batch in stream])
"""


def test_an_extraction_that_failed_half_way_keeps_no_later_one_waiting(duck: Warehouse) -> None:
    """Whoever still holds its error."""
    done = subprocess.run(
        [sys.executable, "-c", KEEPS_THE_ERROR, duck.location], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "[1]\n", done.stderr


@pytest.mark.parametrize("ask", [rows, warehouses.count, warehouses.columns, warehouses.preview])
def test_an_error_names_the_line_as_it_was_written(
    elephant: Warehouse, ask: Callable[[Warehouse, str], object]
) -> None:
    with pytest.raises(AudienceSqlError, match="LINE 2: FROM nothing"):
        ask(elephant, "SELECT id\nFROM nothing")
