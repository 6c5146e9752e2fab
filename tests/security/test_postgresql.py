"""The SQL of an Audience against PostgreSQL: it writes nothing, and a role that may only read gets nowhere else."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from accelerator.embedded import databases
from jobs.warehouses import WarehouseUnsafe
from tests.security.held import MANY, Held, refusal, refused, rows
from tests.warehouses import Connection, postgresql
from tests.warehouses import reader as reader_role

# Databases and roles of a run that was killed stay behind; each run has its own.
NAME = f"warehouse_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"

# Refused to whoever asks; what is called may be granted to a role, the session is read-only all the same.
POSTGRESQL_WRITES = (
    "INSERT INTO customers VALUES (0, 'x')",
    "UPDATE customers SET email = 'x'",
    "DELETE FROM customers",
    "TRUNCATE customers",
    "CREATE TABLE more (id int)",
    "SELECT * INTO more FROM customers",
    "DROP TABLE customers",
    "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id FROM gone",
    "SELECT * FROM customers FOR UPDATE",
    "SELECT 1; DELETE FROM customers",
    "SELECT * FROM customers; COMMIT; DROP TABLE customers",
    "SELECT 1) TO STDOUT; DELETE FROM customers; COPY (SELECT 2",
    "SELECT 1) ; DROP TABLE customers; (SELECT 2",
    "SELECT 1) AS a; DROP TABLE customers; SELECT * FROM (SELECT 2",
    "SELECT 1) TO PROGRAM 'touch {folder}/out' --",
    "SELECT 1) TO PROGRAM 'touch {folder}/out'; COPY (SELECT 1",
    "COPY customers TO PROGRAM 'touch {folder}/out'",
    "COPY customers TO '{folder}/out'",
    "COPY customers FROM PROGRAM 'echo 1'",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT query_to_xml('DELETE FROM customers RETURNING 1', true, true, '')::text",
    "SELECT write_one()",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "EXPLAIN ANALYZE DELETE FROM customers",
    "DO $$ BEGIN DELETE FROM customers; END $$",
    "CALL write_all()",
    "PREPARE TRANSACTION 'x'",
    "SET transaction_read_only = off",
    "RESET ALL",
    "SET ROLE postgres",
    "LOCK TABLE customers",
    "LISTEN x",
    "VACUUM",
    "CREATE EXTENSION dblink",
    "ALTER SYSTEM SET fsync = off",
)
# Refused to a role that may only read.
POSTGRESQL_REACHES = (
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT (pg_stat_file('/etc/passwd')).size",
    "SELECT * FROM pg_ls_logdir()",
    "SELECT lo_export(1, '{folder}/out')",
    "SELECT query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, true, '')::text",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_switch_wal()::text",
    "SELECT pg_create_restore_point('x')::text",
    "SELECT pg_promote()",
    "SELECT current_setting('data_directory')",
    "SELECT * FROM pg_shadow",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM private",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user AND 1 / (pid - pid) > 0",
)


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
            CREATE PROCEDURE write_all() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM customers';
            """
        )
        reader_role(connection, NAME)
        connection.execute(f"REVOKE SELECT ON private FROM {NAME}; GRANT USAGE ON SEQUENCE numbers TO {NAME}")
        yield connection
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        database = sql.Identifier(databases.name_of(url))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(NAME)))


@pytest.fixture
def reader(admin: Connection, tmp_path: Path) -> Held:
    """The role that an admin is told to make, and somebody has granted it a little more."""
    return Held(postgresql(admin, NAME), tmp_path)


def test_postgresql_is_not_written_to(reader: Held) -> None:
    refused(reader, POSTGRESQL_WRITES)


def test_whoever_may_do_everything_is_not_let_in(admin: Connection) -> None:
    everything = postgresql(admin, admin.info.user, admin.info.password)
    with pytest.raises(WarehouseUnsafe, match="is a superuser"):
        rows(everything, "SELECT 1 AS one")


def test_a_role_that_may_only_read_reaches_nothing_else(reader: Held) -> None:
    refused(reader, POSTGRESQL_REACHES)


def test_what_a_query_sets_is_gone_with_it(reader: Held) -> None:
    held = reader
    for name, value in (("default_transaction_read_only", "off"), ("statement_timeout", "0")):
        rows(held.warehouse, f"SELECT set_config('{name}', '{value}', false)")
    set_and_write = "SELECT set_config('default_transaction_read_only', 'off', false), write_one()"
    refusal(held.warehouse, set_and_write)
    shown = "SELECT current_setting('default_transaction_read_only') AS a, current_setting('statement_timeout') AS b"
    assert rows(held.warehouse, shown) == [{"a": "on", "b": "6h"}]


def test_no_password_is_in_what_a_warehouse_refuses(reader: Held) -> None:
    said = refusal(reader.warehouse, "SELECT * FROM nowhere")
    said += refusal(reader.warehouse, "SELECT current_setting('password')")
    assert "reader-reader" not in said
    assert "postgresql://" not in said
