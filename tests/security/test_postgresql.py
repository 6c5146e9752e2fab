"""The SQL of an Audience against PostgreSQL: it writes nothing, and a role that may only read gets nowhere else."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from pytest_django.fixtures import Settings

from accelerator.embedded import databases
from jobs.models import Kind
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Stream, WarehouseUnsafe, kinds
from tests.security.held import MANY, Held, refusal, refused, rows
from tests.security.hostile_postgresql import PASSES, REACHES, WRITES
from tests.warehouses import PASSWORD, Connection, postgresql
from tests.warehouses import reader as reader_role

# Databases and roles of a run that was killed stay behind; each run has its own.
NAME = f"warehouse_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"

# Of what a SQL could leave behind beside rows and files.
TRACES = """
SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace),
    (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_rewrite), (SELECT count(*) FROM pg_publication),
    (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()),
    (SELECT array_agg(relacl::text ORDER BY oid) FROM pg_class), (SELECT count(*) FROM pg_roles WHERE rolname = 'more'),
    (SELECT rolsuper FROM pg_roles WHERE rolname = %(role)s), (SELECT count(*) FROM pg_replication_slots),
    (SELECT count(*) FROM pg_foreign_server), (SELECT (last_value, is_called)::text FROM numbers),
    (SELECT array_agg((oid, lo_get(oid))::text) FROM pg_largeobject_metadata),
    (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE locktype = 'advisory' AND datname = current_database()),
    current_setting('fsync'), (SELECT array_agg(setting) FROM pg_file_settings WHERE name IN ('fsync', 'log_statement'))
"""
SOON = 5.0  # seconds


@dataclass(frozen=True)
class Elephant(Held):
    """A PostgreSQL of which an admin knows more than the role that reads it."""

    admin: Connection

    def state(self) -> tuple[list[dict[str, object]], list[str]]:
        until = time.monotonic() + SOON
        while sessions := self.admin.execute(SESSIONS, [NAME]).fetchall():
            assert time.monotonic() < until, sessions
            time.sleep(0.02)
        found, files = super().state()
        traces = self.admin.execute(TRACES, {"role": NAME}).fetchall()
        heard = [notify.payload for notify in self.admin.notifies(timeout=0)]
        return [*found, {"traces": traces, "heard": heard}], files


SESSIONS = "SELECT pid, state, query FROM pg_stat_activity WHERE usename = %s"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    """Whoever may everything, in a database of its own beside the dashboard's."""
    url = databases.beside(os.environ["DATABASE_URL"], NAME)
    databases.ensure(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE TABLE customers AS SELECT n AS id, 'c@example.com' AS email FROM generate_series(1, {MANY}) n;
            CREATE TABLE private AS SELECT 'secret' AS word;
            CREATE SEQUENCE numbers;
            CREATE FUNCTION write_one() RETURNS int LANGUAGE sql SECURITY DEFINER
                AS 'INSERT INTO customers VALUES (0, NULL) RETURNING 1';
            CREATE FUNCTION write_anyway() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                    PERFORM set_config('transaction_read_only', 'off', true);
                    DELETE FROM customers;
                    RETURN 1;
                END $$;
            CREATE FUNCTION write_quietly() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                    DELETE FROM customers;
                    RETURN 1;
                EXCEPTION WHEN others THEN
                    RETURN 0;
                END $$;
            CREATE VIEW written AS SELECT write_one() AS x;
            SELECT lo_from_bytea(4711, 'kept');
            CREATE EXTENSION dblink;
            CREATE EXTENSION file_fdw;
            CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
            CREATE FOREIGN TABLE passwords (line text) SERVER files OPTIONS (filename '/etc/passwd');
            LISTEN heard;
            CREATE PROCEDURE write_all() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM customers';
            """
        )
        reader_role(connection, NAME)
        connection.execute(
            f"""
            REVOKE SELECT ON private, passwords FROM {NAME};
            GRANT USAGE, UPDATE ON SEQUENCE numbers TO {NAME};
            GRANT INSERT, UPDATE, DELETE, TRUNCATE ON customers TO {NAME};
            GRANT SELECT, UPDATE ON LARGE OBJECT 4711 TO {NAME};
            ALTER ROLE {NAME} RESET ALL;
            """
        )
        yield connection
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        database = sql.Identifier(databases.name_of(url))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(NAME)))


@pytest.fixture(params=[Kind.POSTGRESQL, Kind.REDSHIFT])
def reader(request: pytest.FixtureRequest, admin: Connection, tmp_path: Path) -> Elephant:
    """The role that an admin is told to make, and somebody has granted it more: it may even write, and nothing of its
    own holds it to reading.

    Redshift's connector is held to the same by the same server, as far as that is one.
    """
    warehouse = postgresql(admin, NAME)
    warehouse.kind = request.param
    return Elephant(warehouse, tmp_path, admin)


def test_the_list_is_long_and_says_nothing_twice() -> None:
    statements = WRITES + REACHES + PASSES
    assert len(set(statements)) == len(statements) > 190


def test_postgresql_is_not_written_to(reader: Elephant) -> None:
    refused(reader, WRITES)


def test_the_server_itself_refuses_what_we_would_not_even_ask(reader: Elephant) -> None:
    """Without the look at the SQL that is there for a good message only."""
    connector, before = kinds.connector(reader.warehouse.kind), reader.state()
    for statement in WRITES + REACHES:
        query = Query(statement.format(folder=reader.folder))
        said: list[AudienceSqlError] = []
        with connector.open_stream(reader.warehouse.location, PASSWORD, query) as stream:
            try:
                read_all(stream)
            except AudienceSqlError as error:
                said.append(error)
        assert said, statement
    assert reader.state() == before


def read_all(stream: Stream) -> None:
    stream.start()
    for _ in stream:
        pass


@pytest.mark.parametrize("statement", PASSES)
def test_of_what_a_select_may_do_nothing_is_left(reader: Elephant, statement: str) -> None:
    before = reader.state()
    assert len(rows(reader.warehouse, statement)) == 1
    assert reader.state() == before


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_sleep(600)::text AS x",
        "SELECT pg_sleep_until('infinity')::text AS x",
        "SELECT count(*) AS x FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
        "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a) SELECT count(*) AS x FROM a",
        "SELECT repeat('a', 30) ~ '(a*)*(a*)*(a*)*b' AS x, pg_sleep(600)::text AS y",
        "SELECT set_config('statement_timeout', '0', false) AS x, pg_sleep(600)::text AS y",
        "SELECT set_config('statement_timeout', '0', true) AS x, pg_sleep(600)::text AS y",
        "SELECT query_to_xml('SELECT pg_sleep(600)', true, true, '')::text AS x",
    ],
)
def test_what_would_never_end_is_ended(reader: Elephant, settings: Settings, statement: str) -> None:
    before = reader.state()
    settings.WAREHOUSE_TIMEOUT = 1
    assert "WAREHOUSE_TIMEOUT" in refusal(reader.warehouse, statement)
    settings.WAREHOUSE_TIMEOUT = 6 * 3600
    assert reader.state() == before


def test_whoever_may_do_everything_is_not_let_in(admin: Connection) -> None:
    everything = postgresql(admin, admin.info.user, admin.info.password)
    with pytest.raises(WarehouseUnsafe, match="is a superuser"):
        rows(everything, "SELECT 1 AS one")


def test_a_role_that_may_only_read_reaches_nothing_else(reader: Elephant) -> None:
    refused(reader, REACHES)


def test_what_a_query_sets_is_gone_with_it(reader: Elephant) -> None:
    held = reader
    for name, value in (("default_transaction_read_only", "off"), ("statement_timeout", "0")):
        rows(held.warehouse, f"SELECT set_config('{name}', '{value}', false)")
    set_and_write = "SELECT set_config('default_transaction_read_only', 'off', false), write_one()"
    refusal(held.warehouse, set_and_write)
    names = ["transaction_read_only", "statement_timeout"]
    names += ["default_transaction_read_only"] if held.warehouse.kind == Kind.POSTGRESQL else []
    shown = ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    [row] = rows(held.warehouse, f"SELECT {shown}")
    assert row == dict(zip(names, ["on", "6h", "on"], strict=False))


def test_no_password_is_in_what_a_warehouse_refuses(reader: Elephant) -> None:
    said = refusal(reader.warehouse, "SELECT * FROM nowhere")
    said += refusal(reader.warehouse, "SELECT current_setting('password')")
    assert "reader-reader" not in said
    assert "postgresql://" not in said
