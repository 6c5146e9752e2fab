"""The SQL of an Audience against a SQLite file: it reads its tables, writes nothing, gets nowhere else, and ends."""

import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import AudienceSqlError, Cancelled
from tests.security.held import MANY, Held, refused, rows

WRITES = (
    "INSERT INTO customers VALUES (0, 'x')",
    "INSERT INTO customers SELECT * FROM customers",
    "INSERT OR REPLACE INTO customers VALUES (0, 'x') RETURNING id",
    "REPLACE INTO customers VALUES (0, 'x')",
    "UPDATE customers SET email = 'x'",
    "UPDATE customers SET email = 'x' RETURNING id, email",
    "DELETE FROM customers",
    "DELETE FROM customers RETURNING id, email",
    "WITH gone AS (SELECT 1) DELETE FROM customers WHERE id IN gone",
    "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id FROM gone",
    "DELETE FROM sqlite_master",
    "UPDATE sqlite_schema SET sql = 'x'",
    "INSERT INTO found(found) VALUES ('delete-all')",
    "INSERT INTO found(found) VALUES ('optimize')",
    "INSERT INTO found(found, rank) VALUES ('pgsz', 64)",
    "DELETE FROM found_data",
)
SCHEMA = (
    "CREATE TABLE more AS SELECT 1",
    "CREATE TEMP TABLE more AS SELECT 1",
    "CREATE TEMP VIEW customers AS SELECT 1",
    "CREATE VIEW more AS SELECT 1",
    "CREATE INDEX more ON customers (email)",
    "CREATE TRIGGER more AFTER INSERT ON customers BEGIN DELETE FROM customers; END",
    "CREATE TEMP TRIGGER more AFTER INSERT ON customers BEGIN DELETE FROM customers; END",
    "CREATE VIRTUAL TABLE more USING fts5(x)",
    "CREATE VIRTUAL TABLE temp.more USING rtree(id, a, b)",
    "DROP TABLE customers",
    "DROP TABLE IF EXISTS customers",
    "DROP TABLE found",
    "ALTER TABLE customers ADD COLUMN x INT",
    "ALTER TABLE customers RENAME TO others",
    "ALTER TABLE customers DROP COLUMN email",
    "REINDEX",
    "ANALYZE",
    "VACUUM",
)
SEVERAL = (
    "BEGIN; DELETE FROM customers; COMMIT",
    "SELECT 1; DROP TABLE customers",
    "SELECT 1;;DROP TABLE customers;",
    "SELECT 1 /* ; */ ; /* ' */ DROP TABLE customers --'",
    "SELECT 1 -- \n; DROP TABLE customers",
    "SELECT 1) ; DROP TABLE customers; (SELECT 2",
    "SELECT 1) AS a; DROP TABLE customers; SELECT * FROM (SELECT 2",
    "SELECT ';' ; DELETE FROM customers",
    "/* SELECT */ DELETE FROM customers",
    "-- SELECT 1\nDELETE FROM customers",
    "EXPLAIN SELECT 1; DELETE FROM customers",
    "SELECT 1\x00; DROP TABLE customers",
)
LOCKS = (
    "BEGIN EXCLUSIVE",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT a",
    "RELEASE a",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA wal_checkpoint(TRUNCATE)",
)
SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA journal_mode = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA trusted_schema = ON",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA page_size = 512",
    "PRAGMA incremental_vacuum",
    "PRAGMA optimize",
    "PRAGMA temp_store_directory = '{folder}'",
    "PRAGMA data_version = 3",
    "PRAGMA database_list",
    "PRAGMA case_sensitive_like = ON",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_user_version",
    "SELECT * FROM pragma_table_info('customers')",
    "SELECT * FROM pragma_optimize",
    "SELECT * FROM pragma_wal_checkpoint",
)
FILES = (
    "ATTACH '{folder}/other.sqlite' AS other",
    "ATTACH 'file:{folder}/other.sqlite?mode=rwc' AS other",
    "ATTACH '{folder}/secret.sqlite' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH main",
    "VACUUM INTO '{folder}/copy.sqlite'",
    "VACUUM main INTO 'file:{folder}/copy.sqlite?mode=rwc'",
    "SELECT load_extension('{folder}/evil')",
    "SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6', 'system')",
    "SELECT LOAD_EXTENSION('evil') FROM customers",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('{folder}/out.txt', 'x')",
    "SELECT edit('x', 'sh -c \"touch {folder}/out.txt\"')",
    "SELECT eval('DELETE FROM customers')",
    "SELECT fts3_tokenizer('simple', x'4141414141414141')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT * FROM fsdir('/etc')",
    "SELECT * FROM zipfile('{folder}/secret.sqlite')",
    "SELECT * FROM csv('/etc/passwd')",
    "SELECT * FROM '{folder}/secret.sqlite'.secrets",
    "SELECT * FROM dbstat",
    "SELECT * FROM sqlite_dbpage",
    ".shell touch {folder}/out.txt",
    ".import /etc/passwd customers",
    "EXPLAIN DELETE FROM customers; SELECT 1",
)
# A value larger than a message may be, made out of nothing.
SWOLLEN = (
    "SELECT zeroblob(1000000000)",
    "SELECT hex(zeroblob(100000000))",
    "SELECT randomblob(1000000000)",
    "SELECT replace(hex(zeroblob(8000000)), '0', 'xxxxxxxxxxxxxxxx')",
    "WITH RECURSIVE t(x) AS (SELECT 'xx' UNION ALL SELECT x || x FROM t) SELECT max(length(x)) FROM t",
)
ENDLESS = (
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT group_concat('xxxxxxxxxx' || n) FROM t",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t WHERE n < 0",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT max(n) FROM t",
    "WITH t AS (SELECT a.id FROM customers a, customers b, customers c, customers d, customers e, customers f) "
    "SELECT sum(x.id + y.id) AS n FROM t x, t y",
)
LISTS = {
    "writes": WRITES,
    "schema": SCHEMA,
    "several": SEVERAL,
    "locks": LOCKS,
    "settings": SETTINGS,
    "files": FILES,
    "swollen": SWOLLEN,
}


@pytest.fixture(params=["delete", "wal"])
def light(tmp_path: Path, request: pytest.FixtureRequest) -> Held:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"PRAGMA journal_mode = {request.param}")
        database.execute("CREATE TABLE customers (id INTEGER, email TEXT)")
        database.executemany("INSERT INTO customers VALUES (?, 'c@example.com')", [(n,) for n in range(MANY)])
        database.execute("CREATE VIRTUAL TABLE found USING fts5(words)")
        database.execute("INSERT INTO found VALUES ('hello')")
    with closing(sqlite3.connect(tmp_path / "secret.sqlite")) as database, database:
        database.execute("CREATE TABLE secrets AS SELECT 'root:' AS secret")
    held = Held(Warehouse(name="light", kind=Kind.SQLITE, location=str(path)), tmp_path)
    held.state()  # whoever reads a database with a WAL leaves its two files beside it
    return held


@pytest.mark.parametrize("statements", LISTS.values(), ids=LISTS)
def test_sqlite_takes_nothing_but_a_look_at_its_own_tables(light: Held, statements: tuple[str, ...]) -> None:
    path = Path(light.warehouse.location)
    before = path.read_bytes()
    refused(light, statements)
    assert path.read_bytes() == before
    assert rows(light.warehouse, "SELECT words FROM found WHERE found MATCH 'hello'") == [{"words": "hello"}]


@pytest.mark.parametrize("statement", ENDLESS)
def test_what_never_ends_is_ended(light: Held, statement: str) -> None:
    before = light.state()
    with warehouses.open_stream(light.warehouse, statement) as stream:
        ender = threading.Timer(0.3, stream.cancel)
        ender.start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            stream.start()
        ender.join()
    assert time.monotonic() - began < 2.5
    assert light.state() == before


def test_a_swollen_text_is_refused_or_nothing(light: Held) -> None:
    """Some versions of SQLite make it NULL, others refuse it. It is six times the limit; they count to its end."""
    with suppress(AudienceSqlError):
        found = rows(light.warehouse, "SELECT printf('%.*c', 100000000, 'x') AS text")
        assert found == [{"text": None}]


def test_a_reader_keeps_nobody_from_writing(light: Held) -> None:
    """A statement that was refused leaves no lock behind."""
    for statement in LOCKS:
        with pytest.raises(AudienceSqlError):
            rows(light.warehouse, statement)
    with closing(sqlite3.connect(light.warehouse.location, timeout=0)) as database, database:
        database.execute("DELETE FROM customers WHERE id = 0")
    assert len(rows(light.warehouse, "SELECT id FROM customers")) == MANY - 1


def test_the_list_is_long_enough() -> None:
    assert len({text for statements in LISTS.values() for text in statements} | {*ENDLESS}) >= 60
