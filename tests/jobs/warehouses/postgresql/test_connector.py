"""PostgreSQL's connector: what the transaction holds, and how a query ends."""

import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Warehouse
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Cancelled, WarehouseUnreachable
from jobs.warehouses.postgresql import connector, session
from tests.accelerator.waiting import until
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import PASSWORD, Connection, postgresql

ROLE = f"postgresql_{elephants.RUN}"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("postgresql") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return postgresql(admin, ROLE)


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql) as stream:
        stream.start()
        return [row for batch in stream for row in batch.to_pylist()]


def read_all(stream: warehouses.Stream, read: threading.Event) -> None:
    stream.start()
    for _ in stream:
        read.set()


def test_every_row_comes_once_and_in_order(warehouse: Warehouse) -> None:
    with warehouses.open_stream(warehouse, "SELECT generate_series(1, 500000) AS n") as stream:
        stream.start()
        batches = list(stream)
    assert len(batches) > 1
    assert max(batch.nbytes for batch in batches) <= 2 * connector.BATCH
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(1, 500_001))


def test_an_audience_without_rows_has_columns(warehouse: Warehouse) -> None:
    with warehouses.open_stream(warehouse, "SELECT id, email FROM customers WHERE false") as stream:
        assert stream.start().names == ["id", "email"]
        assert sum(batch.num_rows for batch in stream) == 0


def test_the_transaction_is_held_to_reading_and_to_its_time(warehouse: Warehouse) -> None:
    names = ("transaction_read_only", "default_transaction_read_only", *session.guards())
    columns = ", ".join(f"current_setting('{name}', true) AS {name}" for name in names)
    [held] = rows(warehouse, f"SELECT {columns}")
    assert held["transaction_read_only"] == held["default_transaction_read_only"] == "on"
    assert held["statement_timeout"] == "6h"
    assert held["lock_timeout"] == "10min"
    assert held["idle_in_transaction_session_timeout"] == "1min"


def test_the_guards_hold_although_the_location_says_otherwise(warehouse: Warehouse) -> None:
    others = quote("-c default_transaction_read_only=off -c statement_timeout=0")
    warehouse.location += f"&options={others}"
    asked = "SELECT current_setting('default_transaction_read_only') AS a, current_setting('statement_timeout') AS b"
    assert rows(warehouse, asked) == [{"a": "on", "b": "6h"}]
    with pytest.raises(AudienceSqlError):
        rows(warehouse, "WITH a AS (DELETE FROM customers RETURNING id) SELECT id FROM a")
    warehouse.location += quote(" \\")  # which would take the space before the guards
    with pytest.raises(WarehouseUnreachable):
        rows(warehouse, asked)


def test_the_guards_hold_although_the_role_has_others(admin: Connection, warehouse: Warehouse) -> None:
    admin.execute(f"ALTER ROLE {ROLE} SET default_transaction_read_only = off".encode())
    admin.execute(f"ALTER ROLE {ROLE} SET statement_timeout = 0".encode())
    asked = "SELECT current_setting('transaction_read_only') AS a, current_setting('statement_timeout') AS b"
    assert rows(warehouse, asked) == [{"a": "on", "b": "6h"}]


def test_a_query_that_takes_too_long_is_ended_by_the_server(
    admin: Connection, warehouse: Warehouse, settings: Settings
) -> None:
    settings.WAREHOUSE_TIMEOUT = 1
    for sql in ("SELECT pg_sleep(30)::text AS x", elephants.BUSY["computing"]):
        with pytest.raises(AudienceSqlError, match="WAREHOUSE_TIMEOUT"):
            rows(warehouse, sql)
        assert elephants.gone(admin, ROLE)


def test_a_lock_is_waited_for_and_passes(admin: Connection, warehouse: Warehouse) -> None:
    with psycopg.connect(admin.info.dsn, password=admin.info.password or None) as load:
        load.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        with warehouses.open_stream(warehouse, "SELECT id FROM customers") as stream:
            freeing = threading.Thread(target=_free_when_waited_for, args=(admin, load))
            freeing.start()
            stream.start()
            assert sum(batch.num_rows for batch in stream) == elephants.ROWS
            freeing.join()


def _free_when_waited_for(admin: Connection, load: Connection) -> None:
    while not elephants.waits_for_a_lock(admin, ROLE):
        time.sleep(0.02)
    load.rollback()


@pytest.mark.parametrize("doing", elephants.BUSY)
def test_a_query_is_ended_from_another_thread_and_nothing_of_it_stays(
    admin: Connection, warehouse: Warehouse, doing: str
) -> None:
    read, cancelled = threading.Event(), 0.0
    with warehouses.open_stream(warehouse, elephants.BUSY[doing]) as stream:

        def end() -> None:
            nonlocal cancelled
            if doing == "streaming":
                read.wait(60)
            while not elephants.sessions(admin, ROLE, active=True):
                time.sleep(0.02)
            cancelled = time.monotonic()
            stream.cancel()

        ender = threading.Thread(target=end)
        ender.start()
        with pytest.raises(Cancelled):
            read_all(stream, read)
        ender.join()
    assert elephants.gone(admin, ROLE)
    assert time.monotonic() - cancelled < elephants.SOON


def test_a_query_that_waits_for_a_lock_is_ended_too(admin: Connection, warehouse: Warehouse) -> None:
    with psycopg.connect(admin.info.dsn, password=admin.info.password or None) as load:
        load.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        with warehouses.open_stream(warehouse, "SELECT id FROM customers") as stream:

            def end() -> None:
                while not elephants.waits_for_a_lock(admin, ROLE):
                    time.sleep(0.02)
                stream.cancel()

            ender = threading.Thread(target=end)
            ender.start()
            with pytest.raises(Cancelled):
                stream.start()
            ender.join()
        assert elephants.gone(admin, ROLE)


def test_a_cancel_before_the_start_runs_nothing(admin: Connection, warehouse: Warehouse) -> None:
    with connector.open_stream(warehouse.location, PASSWORD, Query(elephants.BUSY["computing"])) as stream:
        stream.cancel()
        with pytest.raises(Cancelled):
            stream.start()
    assert elephants.gone(admin, ROLE)


def test_a_cancel_after_the_end_hurts_nobody(warehouse: Warehouse) -> None:
    with connector.open_stream(warehouse.location, PASSWORD, Query("SELECT 1 AS one")) as stream:
        stream.start()
        assert [batch.num_rows for batch in stream] == [1]
        stream.cancel()
    stream.cancel()


def test_whoever_leaves_a_stream_half_way_leaves_nothing_at_the_warehouse(
    admin: Connection, warehouse: Warehouse
) -> None:
    for sql in elephants.BUSY["streaming"], "SELECT id FROM customers":
        with warehouses.open_stream(warehouse, sql) as stream:
            stream.start()
            next(iter(stream))
        assert elephants.gone(admin, ROLE)


def test_a_stream_says_whether_the_warehouse_works_on_it(admin: Connection, warehouse: Warehouse) -> None:
    with warehouses.open_stream(warehouse, "SELECT pg_sleep(600)::text AS x") as stream:
        reading = threading.Thread(target=_read_until_cancelled, args=(stream,))
        reading.start()
        until(stream.working)
        assert elephants.sessions(admin, ROLE, active=True)
        stream.cancel()
        reading.join()
        assert elephants.gone(admin, ROLE)
        assert not stream.working()


def _read_until_cancelled(stream: warehouses.Stream) -> None:
    with pytest.raises(Cancelled):
        read_all(stream, threading.Event())


def test_a_location_that_is_none_is_a_sentence() -> None:
    for location in ("nonsense", "postgresql://me@[::1/x", "postgresql://me@host/x?no_such_option=1"):
        with (
            pytest.raises(WarehouseUnreachable) as caught,
            connector.open_stream(location, "hunter2", Query("")),
        ):
            pass
        assert "hunter2" not in str(caught.value)
