"""What goes wrong on the way to a PostgreSQL that is strict: sentences, and no password in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accelerator.embedded.postgres import Postgres
from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import AudienceSqlError, WarehouseUnreachable
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import PASSWORD, Connection, postgresql

ROLE = "shop_reader"
WRONG = "hunter2-hunter2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Connection]]:
    with elephants.server(tmp_path_factory.mktemp("strict")) as found:
        yield found


@pytest.fixture(params=[Kind.POSTGRESQL, Kind.REDSHIFT])
def warehouse(request: pytest.FixtureRequest, server: tuple[Postgres, Connection]) -> Warehouse:
    return entered(server[1], request.param)


def entered(admin: Connection, kind: str, password: str = PASSWORD) -> Warehouse:
    found = postgresql(admin, ROLE, password)
    found.kind = kind
    return found


def said(warehouse: Warehouse) -> str:
    """What a check and an examination say, the same."""
    with pytest.raises(WarehouseUnreachable) as checked:
        warehouses.check(warehouse)
    with pytest.raises(WarehouseUnreachable) as examined:
        warehouses.examine(warehouse)
    assert str(checked.value) == str(examined.value)
    for word in (PASSWORD, WRONG, "postgresql://", "libpq", "FATAL"):
        assert word not in str(checked.value)
    return str(checked.value)


def test_the_right_password_lets_in(warehouse: Warehouse) -> None:
    warehouses.check(warehouse)


def test_a_wrong_password_is_a_sentence_without_it(warehouse: Warehouse) -> None:
    warehouse.secret = warehouses.seal_secret(WRONG)
    assert said(warehouse) == (
        f'The warehouse can\'t be reached: password authentication failed for user "{ROLE}"'
    )


def test_no_password_is_a_sentence(warehouse: Warehouse) -> None:
    warehouse.secret = warehouses.seal_secret("")
    assert "no password supplied" in said(warehouse)


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        ("/shop?", "/nowhere?", 'database "nowhere" does not exist'),
        ("/shop?", "/closed?", "pg_hba.conf rejects connection"),
        (f"{ROLE}@", "nobody@", 'password authentication failed for user "nobody"'),
        ("/shop?host=", "/shop?host=/nowhere", "No such file or directory"),
    ],
    ids=["no database", "closed to us", "nobody", "no socket"],
)
def test_a_place_that_is_not_right_is_a_sentence(
    warehouse: Warehouse, here: str, there: str, words: str
) -> None:
    warehouse.location = warehouse.location.replace(here, there)
    assert words in said(warehouse)


def test_a_host_that_nobody_knows_is_a_sentence(warehouse: Warehouse) -> None:
    warehouse.location = f"postgresql://{ROLE}@host.invalid/shop"
    assert "host.invalid" in said(warehouse)


def test_a_port_where_nobody_listens_is_a_sentence(warehouse: Warehouse) -> None:
    warehouse.location = f"postgresql://{ROLE}@127.0.0.1:1/shop"
    assert "Connection refused" in said(warehouse)


def test_a_database_that_takes_no_connections_is_a_sentence(
    server: tuple[Postgres, Connection], warehouse: Warehouse
) -> None:
    server[1].execute("CREATE DATABASE resting ALLOW_CONNECTIONS false")
    warehouse.location = warehouse.location.replace("/shop?", "/resting?")
    try:
        assert said(warehouse).endswith('database "resting" is not currently accepting connections')
    finally:
        server[1].execute("DROP DATABASE resting")


def test_a_full_server_is_a_sentence(server: tuple[Postgres, Connection], warehouse: Warehouse) -> None:
    admin = server[1]
    admin.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0".encode())
    try:
        assert "too many connections" in said(warehouse)
    finally:
        admin.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1".encode())


def test_a_session_that_the_server_ends_half_way_is_a_sentence(
    server: tuple[Postgres, Connection], warehouse: Warehouse
) -> None:
    with warehouses.open_stream(warehouse, elephants.BUSY["streaming"]) as stream:
        stream.start()
        asked = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
        server[1].execute(asked, [ROLE])
        with pytest.raises(
            WarehouseUnreachable, match=r"line to the warehouse broke: (terminating|server closed)"
        ):
            read_all(stream)


def test_a_query_that_an_administrator_ends_is_not_the_sqls_fault(
    server: tuple[Postgres, Connection], warehouse: Warehouse
) -> None:
    with warehouses.open_stream(warehouse, elephants.BUSY["streaming"]) as stream:
        stream.start()
        server[1].execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
        with pytest.raises(WarehouseUnreachable, match="Somebody at the warehouse ended the query"):
            read_all(stream)


@pytest.mark.parametrize("ending", ["pg_terminate_backend", "PG_Cancel_Backend"])
def test_sql_that_ends_its_own_session_is_not_run_again(warehouse: Warehouse, ending: str) -> None:
    sql = f"SELECT {ending}(pg_backend_pid())::text AS x FROM generate_series(1, 1000)"
    with pytest.raises(AudienceSqlError, match=f"{ending.lower()} ends sessions, its own among them"):
        warehouses.preview(warehouse, sql)


def test_an_error_half_way_is_one_of_the_sql(warehouse: Warehouse) -> None:
    sql = "SELECT 1 / (n - 900000) AS x, repeat('x', 100) AS y FROM generate_series(1, 1000000) n"
    with warehouses.open_stream(warehouse, sql) as stream:
        stream.start()
        with pytest.raises(AudienceSqlError, match="refuses the SQL: division by zero"):
            read_all(stream)


@pytest.mark.parametrize("kind", [Kind.POSTGRESQL, Kind.REDSHIFT])
def test_a_server_that_shuts_down_half_way_is_a_sentence(tmp_path: Path, kind: str) -> None:
    with elephants.server(tmp_path) as (postgres, admin):
        warehouse = entered(admin, kind)
        with warehouses.open_stream(warehouse, elephants.BUSY["streaming"]) as stream:
            stream.start()
            postgres.stop()
            with pytest.raises(WarehouseUnreachable, match="line to the warehouse broke") as caught:
                read_all(stream)
        assert PASSWORD not in str(caught.value)
        assert "No such file" in said(warehouse)


def read_all(stream: warehouses.Stream) -> None:
    for _ in stream:
        pass
