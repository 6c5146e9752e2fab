"""Redshift's connector against a PostgreSQL, as far as the two speak the same; the real service was never asked."""

import datetime
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import pyarrow as pa
import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable, kinds, services
from jobs.warehouses.redshift import connector
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import PASSWORD, Connection

UTC = datetime.UTC
ROLE = f"redshift_{elephants.RUN}"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("redshift") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return elephants.redshift(admin, ROLE)


def rows(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def test_it_is_found_and_does_not_claim_to_be_proven() -> None:
    assert kinds.connector(Kind.REDSHIFT) is connector
    assert Kind.REDSHIFT not in kinds.PROVEN
    assert "never run against the real service" in (connector.__doc__ or "")


@pytest.mark.parametrize("many", [1, connector.CHUNK, connector.CHUNK + 1, 50_000])
def test_every_row_comes_once_and_in_order(warehouse: Warehouse, many: int) -> None:
    with warehouses.open_stream(
        warehouse, f"SELECT n FROM generate_series(1, {many}) n ORDER BY n"
    ) as stream:
        stream.start()
        batches = list(stream)
    assert batches[0].num_rows == min(many, connector.CHUNK)
    assert max(batch.num_rows for batch in batches) <= connector.ROWS
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(1, many + 1))


def test_wide_rows_come_in_small_batches(warehouse: Warehouse) -> None:
    sql = "SELECT n, repeat('x', 60000) AS x FROM generate_series(1, 500) n"
    with warehouses.open_stream(warehouse, sql) as stream:
        stream.start()
        first, *others = list(stream)
    assert first.num_rows == connector.CHUNK
    assert sum(batch.num_rows for batch in others) == 500 - connector.CHUNK
    assert max(batch.nbytes for batch in others) <= services.BYTES


def test_an_audience_without_rows_has_columns(warehouse: Warehouse) -> None:
    with warehouses.open_stream(
        warehouse, "SELECT id, email FROM customers WHERE id < {{ least }}", {"least": 0}
    ) as s:
        schema = s.start()
        assert list(s) == []
    assert schema == pa.schema([("id", pa.int32()), ("email", pa.string())])


def test_columns_count_preview_and_check(warehouse: Warehouse) -> None:
    audience = "SELECT id, email FROM customers WHERE id > {{ least }} ORDER BY id; -- all"
    assert warehouses.columns(warehouse, audience, {"least": 1}) == {"id": "whole number", "email": "text"}
    assert warehouses.count(warehouse, audience, {"least": 1}) == elephants.ROWS - 1
    preview = warehouses.preview(warehouse, audience, {"least": 1}, limit=1)
    assert preview.rows == [{"id": 2, "email": "c2@example.com"}]
    warehouses.check(warehouse)


def test_it_reads_in_a_transaction_that_only_reads(admin: Connection, warehouse: Warehouse) -> None:
    admin.execute(f"ALTER ROLE {ROLE} RESET ALL".encode())
    asked = "SELECT current_setting('transaction_read_only') AS a, current_setting('statement_timeout') AS b"
    assert rows(warehouse, asked) == [{"a": "on", "b": "6h"}]
    others = quote("-c default_transaction_read_only=off -c transaction_read_only=off -c statement_timeout=0")
    warehouse.location += f"&options={others}"
    assert rows(warehouse, asked) == [{"a": "on", "b": "6h"}]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nope FROM customers", '"nope" does not exist'),
        ("SELEC 1", "SELEC"),
        ("SELECT 1 AS one; SELECT 2", "more than one statement"),
        ("SELECT 1) AS a; DELETE FROM customers; SELECT * FROM (SELECT 2", "cannot insert multiple commands"),
        ("INSERT INTO customers VALUES (0, 'x')", "only reads"),
        ("WITH gone AS (DELETE FROM customers RETURNING id) SELECT id FROM gone", "must be at the top level"),
        ("SELECT a.id / 0 AS x FROM customers a", "division by zero"),
    ],
)
def test_sql_that_is_no_select_is_refused_in_the_servers_words(
    admin: Connection, warehouse: Warehouse, sql: str, words: str
) -> None:
    with pytest.raises(AudienceSqlError, match=words) as caught:
        rows(warehouse, sql)
    assert PASSWORD not in str(caught.value)
    assert admin.execute("SELECT count(*) FROM customers").fetchone() == (elephants.ROWS,)


def test_a_query_that_takes_too_long_is_ended_by_the_warehouse(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings.WAREHOUSE_TIMEOUT = 1
    with pytest.raises(AudienceSqlError, match="WAREHOUSE_TIMEOUT"):
        rows(warehouse, "SELECT pg_sleep(30)::varchar AS x")


def test_the_line_is_encrypted_unless_the_location_says_otherwise() -> None:
    assert "sslmode=require" in connector.address("redshift://me@host:5439/x")
    assert connector.address("redshift://me@host/x?sslmode=verify-full").count("sslmode") == 1
    assert "client_encoding=utf8" in connector.address("postgresql://me@host/x?client_encoding=latin1")


@pytest.mark.parametrize("doing", elephants.BUSY)
def test_a_query_is_ended_from_another_thread_and_nothing_of_it_stays(
    admin: Connection, warehouse: Warehouse, doing: str
) -> None:
    read = threading.Event()
    with warehouses.open_stream(warehouse, elephants.BUSY[doing]) as stream:

        def end() -> None:
            if doing == "streaming":
                read.wait(60)
            while not elephants.sessions(admin, ROLE, active=True):
                time.sleep(0.02)
            stream.cancel()

        ender = threading.Thread(target=end)
        ender.start()
        with pytest.raises(Cancelled):
            read_all(stream, read)
        ender.join()
    assert elephants.gone(admin, ROLE)


def read_all(stream: warehouses.Stream, read: threading.Event) -> None:
    stream.start()
    for _ in stream:
        read.set()


def test_whoever_leaves_a_stream_half_way_leaves_nothing_at_the_warehouse(
    admin: Connection, warehouse: Warehouse
) -> None:
    with warehouses.open_stream(warehouse, elephants.BUSY["streaming"]) as stream:
        stream.start()
        next(iter(stream))
    assert elephants.gone(admin, ROLE)


def test_a_stream_says_whether_the_warehouse_works_on_it(admin: Connection, warehouse: Warehouse) -> None:
    """Redshift's own view, played by one of ours."""
    with warehouses.open_stream(warehouse, elephants.BUSY["streaming"]) as stream:
        stream.start()
        assert stream.working()  # a server that can't tell gets the benefit of the doubt
        admin.execute(
            f"""
            CREATE VIEW sys_query_history AS SELECT pid AS session_id, 'returning'::text AS status
                FROM pg_stat_activity WHERE usename = '{ROLE}';
            GRANT SELECT ON sys_query_history TO {ROLE};
            """.encode()
        )
        try:
            assert stream.working()
            admin.execute(
                "CREATE OR REPLACE VIEW sys_query_history AS SELECT 0 AS session_id, 'success'::text AS status"
            )
            assert not stream.working()
        finally:
            admin.execute("DROP VIEW sys_query_history")


def test_a_location_that_is_none_is_a_sentence() -> None:
    for location in ("nonsense", "postgresql://me@[::1/x", "redshift://me@host/x?no_such_option=1"):
        with (
            pytest.raises(WarehouseUnreachable) as caught,
            connector.open_stream(location, "hunter2", Query("")),
        ):
            pass
        assert "hunter2" not in str(caught.value)
