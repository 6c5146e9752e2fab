"""The SQL of an Audience against a DuckDB file: it reads its own tables, writes nothing, and gets nowhere else."""

from pathlib import Path

import duckdb
import pytest

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import AudienceSqlError
from tests.security.held import MANY, Held, refused, rows

DUCKDB_WRITES = (
    "INSERT INTO customers VALUES (0, 'x')",
    "UPDATE customers SET email = 'x'",
    "DELETE FROM customers",
    "CREATE TABLE more AS SELECT 1",
    "CREATE TEMP TABLE more AS SELECT 1",
    "CREATE OR REPLACE VIEW customers AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "CREATE SECRET (TYPE s3)",
    "DROP TABLE customers",
    "ALTER TABLE customers ADD COLUMN x INT",
    "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id FROM gone",
    "BEGIN; DELETE FROM customers; COMMIT",
    "SELECT 1; DROP TABLE customers",
    "SELECT 1) ; DROP TABLE customers; (SELECT 2",
    "SELECT 1) AS a; DROP TABLE customers; SELECT * FROM (SELECT 2",
    "COPY customers TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{folder}/out.parquet'",
    "SELECT 1) TO '{folder}/out.csv' --",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{folder}/other.duckdb' AS other",
    "DETACH warehouse",
    "USE memory",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN ANALYZE DELETE FROM customers",
    "SELECT * FROM query('DELETE FROM customers')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{folder}/out.csv''')",
)
DUCKDB_SETTINGS = (
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL spatial FROM 'http://evil.example'",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "SET GLOBAL lock_configuration = false",
    "RESET enable_external_access",
    "RESET lock_configuration",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CALL enable_logging()",
    "SET VARIABLE x = 1",
)
DUCKDB_FILES = (
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text(['/etc/passwd'])",
    "SELECT * FROM read_text('~/.bashrc')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('{folder}/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "FROM '{folder}/secret.csv'",
    "SELECT * FROM 'http://127.0.0.1:1/x.csv'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''/etc/passwd'')'))",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT getenv('SECRET_KEY')",
)
# The warehouse's own files, which DuckDB may open: as bytes, or as what they are not. {own}: the file, or one of them.
DUCKDB_OWN_FILES = (
    "SELECT content FROM read_blob('{own}')",
    "SELECT size FROM system.main.read_blob('{own}')",
    "FROM READ_BLOB(['{own}'])",
    "SELECT size FROM \"read_blob\"('{own}')",
    "SELECT (SELECT max(size) FROM read_text('{own}')) AS size",
    "WITH it AS MATERIALIZED (FROM read_text('{own}')) SELECT size FROM it",
    "SELECT * FROM glob('{own}')",
    "SELECT x.file FROM (VALUES ('{own}')) AS t(place), LATERAL (SELECT * FROM glob(t.place)) AS x",
    "SELECT * FROM read_csv('{own}', columns = {{'a': 'VARCHAR'}}, auto_detect = false, ignore_errors = true)",
    "SELECT * FROM read_json('{own}')",
    "SELECT * FROM sniff_csv('{own}')",
    "SELECT * FROM read_parquet('{own}')",
    "SELECT * FROM read_duckdb('{own}')",
    "SELECT * FROM parquet_metadata('{own}')",
    "SELECT * FROM parquet_file_metadata('{own}')",
    "SELECT * FROM query('SELECT size FROM read_blob(''{own}'')')",
    "SELECT * FROM query_table('{own}')",
    "SUMMARIZE FROM read_blob('{own}')",
    "PIVOT (SELECT size FROM read_blob('{own}')) ON size IN (1) USING count(*)",
    "SELECT * FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)",
    "SELECT * FROM pragma_storage_info('customers')",
)


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return duck_in(tmp_path_factory.mktemp("duck"))


def duck_in(folder: Path) -> Held:
    path = folder / "warehouse.duckdb"
    (folder / "secret.csv").write_text("a,b\n1,2\n")
    with duckdb.connect(str(path)) as database:
        database.execute(
            f"CREATE TABLE customers AS SELECT range AS id, 'c@example.com' AS email FROM range({MANY})"
        )
    return Held(Warehouse(name="duck", kind=Kind.DUCKDB, location=str(path)), folder)


@pytest.fixture(scope="module")
def ducks(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """A folder of files, inside another that has a file which is none of its own."""
    folder = tmp_path_factory.mktemp("ducks")
    (folder / "secret.csv").write_text("a,b\n1,2\n")
    inside = folder / "files"
    inside.mkdir()
    made = f"SELECT range AS id, 'c@example.com' AS email FROM range({MANY})"
    with duckdb.connect() as database:
        database.execute(f"COPY ({made}) TO '{inside}/customers.parquet'")
    return Held(Warehouse(name="ducks", kind=Kind.DUCKDB, location=str(inside)), folder)


EVERYTHING = [
    pytest.param(DUCKDB_WRITES, id="writes"),
    pytest.param(DUCKDB_SETTINGS, id="settings"),
    pytest.param(DUCKDB_FILES, id="files"),
]


def its_own(statements: tuple[str, ...], file: str) -> list[str]:
    return [statement.replace("{own}", file) for statement in statements]


def test_the_warehouses_own_file_is_read_as_tables_only(duck: Held) -> None:
    refused(duck, its_own(DUCKDB_OWN_FILES, duck.warehouse.location))


def test_the_files_of_a_folder_are_read_as_tables_only(ducks: Held) -> None:
    refused(ducks, its_own(DUCKDB_OWN_FILES, f"{ducks.warehouse.location}/customers.parquet"))


@pytest.mark.parametrize("statements", EVERYTHING)
def test_duckdb_takes_nothing_but_a_look_at_its_own_tables(duck: Held, statements: tuple[str, ...]) -> None:
    refused(duck, statements)


@pytest.mark.parametrize("statements", EVERYTHING)
def test_a_folder_is_no_way_to_other_files(ducks: Held, statements: tuple[str, ...]) -> None:
    before = (ducks.folder / "files" / "customers.parquet").read_bytes()
    refused(ducks, statements)
    refused(ducks, [f"COPY (SELECT 1 AS id) TO '{ducks.warehouse.location}/customers.parquet'"])
    assert (ducks.folder / "files" / "customers.parquet").read_bytes() == before


def test_the_list_is_long_enough() -> None:
    assert len({*DUCKDB_WRITES, *DUCKDB_SETTINGS, *DUCKDB_FILES}) >= 60


def test_duckdb_says_that_it_is_locked_down(duck: Held) -> None:
    shown = rows(
        duck.warehouse,
        "SELECT name, value FROM duckdb_settings() WHERE name IN ('enable_external_access', 'lock_configuration', "
        "'autoinstall_known_extensions', 'autoload_known_extensions', 'allow_unsigned_extensions')",
    )
    assert {row["name"]: row["value"] for row in shown} == {
        "enable_external_access": "false",
        "lock_configuration": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_unsigned_extensions": "false",
    }
    attached = rows(
        duck.warehouse, "SELECT database_name, readonly FROM duckdb_databases() WHERE NOT internal"
    )
    assert [row["readonly"] for row in attached if row["database_name"] != "memory"] == [True]


def test_two_people_look_into_one_duckdb_file_at_once(duck: Held) -> None:
    with warehouses.open_stream(duck.warehouse, "SELECT id FROM customers") as stream:
        stream.start()
        assert len(rows(duck.warehouse, "SELECT id FROM customers")) == MANY


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ['290309-12-22'::timestamp] AS x",
        "SELECT {'at': '290309-12-22'::timestamp} AS x",
    ],
)
def test_a_value_that_python_cannot_hold_is_refused_in_a_sentence(tmp_path: Path, sql: str) -> None:
    """In a file of its own: DuckDB opens none again while somebody still has something of the last time."""
    held = duck_in(tmp_path)
    with pytest.raises(AudienceSqlError, match="a date or time that can't be read"):
        warehouses.preview(held.warehouse, sql)
