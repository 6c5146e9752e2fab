"""Users of Redshift, on a PostgreSQL, whose old catalogue it has: who is refused, who is warned about."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import Value, WarehouseUnsafe
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection

ROLE = f"rsroles_{elephants.RUN}"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("rsroles") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return elephants.redshift(admin, ROLE)


def rows(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def test_a_superuser_is_refused(admin: Connection) -> None:
    everything = elephants.redshift(admin, admin.info.user, admin.info.password)
    with pytest.raises(WarehouseUnsafe, match="is a superuser"):
        rows(everything, "SELECT 1 AS one")
    with pytest.raises(WarehouseUnsafe, match="is a superuser"):
        warehouses.examine(everything)


def test_a_superuser_that_takes_on_a_role_is_one_still(admin: Connection) -> None:
    disguised = elephants.redshift(admin, admin.info.user, admin.info.password)
    disguised.location += f"&options={quote(f'-c role={ROLE}')}"
    with pytest.raises(WarehouseUnsafe, match="is a superuser"):
        rows(disguised, "SELECT 1 AS one")


def test_a_user_that_may_only_read_has_no_sentence_and_one_that_writes_has(
    admin: Connection, warehouse: Warehouse
) -> None:
    assert warehouses.examine(warehouse) == []
    admin.execute(
        f"""
        GRANT INSERT ON customers TO {ROLE}; GRANT CREATE ON SCHEMA public TO {ROLE};
        GRANT CREATE ON DATABASE {admin.info.dbname} TO {ROLE}; ALTER ROLE {ROLE} CREATEDB;
        CREATE VIEW svv_user_grants AS SELECT '{ROLE}'::text AS user_name, 'sys:dba'::text AS role_name;
        GRANT SELECT ON svv_user_grants TO {ROLE};
        """.encode()
    )
    try:
        assert [said.partition(". ")[2] for said in warehouses.examine(warehouse)] == [
            "It has roles of administrators: sys:dba.",
            "It may change tables: public.customers.",
            "It may create tables in schemas: public.",
            "It may create schemas in the database.",
            "It may create databases.",
        ]
        assert len(rows(warehouse, "SELECT id FROM customers")) == elephants.ROWS
    finally:
        admin.execute(
            f"""
            REVOKE INSERT ON customers FROM {ROLE}; REVOKE CREATE ON SCHEMA public FROM {ROLE};
            REVOKE CREATE ON DATABASE {admin.info.dbname} FROM {ROLE}; ALTER ROLE {ROLE} NOCREATEDB;
            DROP VIEW svv_user_grants;
            """.encode()
        )
