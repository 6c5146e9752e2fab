"""Databricks' own connector against what answers as a SQL warehouse does; the real service was never asked."""

import base64
import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable
from jobs.warehouses.databricks import connector
from tests.jobs.warehouses import answering
from tests.jobs.warehouses.databricks import bricks
from tests.jobs.warehouses.databricks.bricks import FIRST, LOCATION, SECOND, Bricks

TOKEN = "dapi-token-of-nobody"
HOSTILE = (
    "INSERT INTO customers VALUES (0, 'x')",
    "INSERT OVERWRITE customers SELECT * FROM more",
    "INSERT OVERWRITE DIRECTORY '/Volumes/x' SELECT * FROM customers",
    "UPDATE customers SET email = 'x'",
    "DELETE FROM customers",
    "MERGE INTO customers USING more ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE customers",
    "CREATE TABLE more AS SELECT * FROM customers",
    "REPLACE TABLE customers AS SELECT 1",
    "DROP TABLE customers",
    "ALTER TABLE customers DROP COLUMN email",
    "GRANT ALL PRIVILEGES ON CATALOG main TO principal",
    "SET spark.sql.ansi.enabled = false",
    "RESET",
    "USE CATALOG other",
    "CALL write_all()",
    "BEGIN DELETE FROM customers; END",
    "EXECUTE IMMEDIATE 'DELETE FROM customers'",
    "COPY INTO customers FROM 's3://outside/'",
    "PUT '/etc/passwd' INTO '/Volumes/x' OVERWRITE",
    "GET '/Volumes/x' TO '/tmp/x'",
    "REMOVE '/Volumes/x'",
    "VACUUM customers RETAIN 0 HOURS",
    "OPTIMIZE customers",
    "RESTORE TABLE customers TO VERSION AS OF 0",
    "CACHE TABLE customers",
    "ADD JAR '/Volumes/x.jar'",
    "FROM more INSERT INTO customers SELECT *",
    "WITH a AS (SELECT 1) INSERT INTO customers SELECT * FROM a",
    "SELECT 1; DELETE FROM customers",
    "SELECT 1); DROP TABLE customers; SELECT * FROM (SELECT 2",
    "SELECT 1) UNION ALL SELECT * FROM (SELECT 2",
    "SELECT 1 /* /* */ */); DROP TABLE customers --",
    "SELECT 'a\\\\'); DROP TABLE customers; --'",
    "SELECT reflect('java.lang.Runtime', 'getRuntime')",
    "SELECT java_method('java.lang.System', 'exit', 1)",
    "SELECT `reflect`('java.lang.System', 'exit', 1)",
    "SELECT try_reflect('java.lang.System', 'exit', 1)",
    "SELECT http_request(conn => 'outside', method => 'POST', path => '/')",
    "SELECT TRANSFORM (id) USING 'touch /tmp/x' FROM customers",
    "FROM (FROM customers MAP id USING 'touch /tmp/x' AS a) SELECT a",
    "INSERT INTO customers REPLACE WHERE true SELECT 1",
    "CREATE OR REPLACE VIEW customers AS SELECT 1",
    "CREATE FUNCTION f() RETURNS INT LANGUAGE PYTHON AS $$ return 1 $$",
    "CREATE VOLUME v",
    "CREATE CONNECTION c TYPE HTTP OPTIONS (host 'outside')",
    "DROP SCHEMA marts CASCADE",
    "UNDROP TABLE customers",
    "MSCK REPAIR TABLE customers",
    "REFRESH TABLE customers",
    "ANALYZE TABLE customers COMPUTE STATISTICS",
    "DESCRIBE HISTORY customers",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "LIST '/Volumes/x'",
    "LOAD DATA INPATH '/x' INTO TABLE customers",
    "CLONE customers",
    "ADD ARCHIVE '/Volumes/x.zip'",
    "UNCACHE TABLE customers",
    "CLEAR CACHE",
    "SET VAR x = 1",
    "SET TIME ZONE 'UTC'",
    "DECLARE VARIABLE x INT",
    "DECLARE x INT; SET VAR x = 1",
    "BEGIN",
    "KILL QUERY 1",
    "SYNC SCHEMA a FROM b",
    "APPLY CHANGES INTO customers FROM more KEYS (id) SEQUENCE BY id",
    "COMMENT ON TABLE customers IS 'x'",
    "DENY SELECT ON TABLE customers TO x",
    "REVOKE ALL PRIVILEGES ON CATALOG main FROM x",
    "FSCK REPAIR TABLE customers",
    "REORG TABLE customers APPLY (PURGE)",
    "CONVERT TO DELTA parquet.`s3://outside/`",
    "(DELETE FROM customers)",
    "((INSERT INTO customers VALUES (1)))",
    "SELECT * FROM (DELETE FROM customers)",
    "SELECT * FROM (INSERT INTO customers VALUES (1))",
    "SELECT * FROM (UPDATE customers SET email = 'x')",
    "SELECT * FROM (CALL write_all())",
    "SELECT * FROM (DROP TABLE customers)",
    "FROM customers |> INSERT INTO more",
    "FROM more INSERT OVERWRITE DIRECTORY '/x' SELECT *",
    "SELECT * FROM read_files('s3://outside/x')",
    "SELECT * FROM STREAM read_files('/Volumes/x')",
    "SELECT * FROM csv.`s3://outside/x.csv`",
    "SELECT * FROM text.`/etc/passwd`",
    "SELECT * FROM `text`.`/etc/passwd`",
    "SELECT * FROM binaryFile.`dbfs:/x`",
    "SELECT * FROM delta.`abfss://a@b/c`",
    "SELECT * FROM parquet . /* */ `/Volumes/x`",
    "SELECT * FROM read_kafka(bootstrapServers => 'outside:9092', subscribe => 'x')",
    "SELECT * FROM read_pubsub(subscriptionId => 'x')",
    "SELECT * FROM remote_query('conn', query => 'DELETE FROM customers')",
    "SELECT secret('scope', 'key')",
    "SELECT try_secret('scope', 'key')",
    "SELECT * FROM list_secrets()",
    "SELECT ai_query('model', email) FROM customers",
    "SELECT ai_gen(email) FROM customers",
    "SELECT system.builtin.ai_query('model', 'x')",
    "SELECT reflect /* */ ('java.lang.System', 'exit', 1)",
    "SELECT system.builtin.reflect('java.lang.System', 'exit', 1)",
    "SELECT r'\\'); DROP TABLE customers; --'",
    'SELECT R"\\"); DROP TABLE customers; --"',
    "SELECT 'a' 'b\\''); DROP TABLE customers; --'",
    'SELECT "a\'"); DROP TABLE customers; --\'"',
    "SELECT `a``b`); DROP TABLE customers; --`",
    "SELECT /*+ ) */ 1); DROP TABLE customers; --",
    "SELECT /*+ BROADCAST(a) */ 1; DROP TABLE customers",
    "SELECT 1 -- \\\n); DROP TABLE customers",
    "SELECT 1\xa0; DELETE FROM customers",
    "SELECT (1",
    "SELECT 1;; DELETE FROM customers",
    ";DELETE FROM customers",
    "/* SELECT */ DELETE FROM customers",
    "DELETE FROM customers -- SELECT",
    "SELECT IDENTIFIER('reflect')('java.lang.System', 'exit')",
    "SELECT * FROM TABLE(IDENTIFIER('f')(1))",
    "SELECT * FROM (SELECT TRANSFORM (id) USING 'sh' FROM customers)",
    "SELECT * FROM (FROM customers REDUCE id USING 'sh')",
    'SELECT TRANSFORM (id) USING "touch /tmp/x" FROM customers',
)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bricks]:
    with bricks.service(monkeypatch) as found:
        yield found


def warehouse(secret: str = TOKEN, location: str = LOCATION) -> Warehouse:
    return Warehouse(
        name="dbx", kind=Kind.DATABRICKS, location=location, secret=warehouses.seal_secret(secret)
    )


def rows(sql: str = "SELECT 1", secret: str = TOKEN, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse(secret), sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in batch.to_pylist(maps_as_pydicts="strict")]


def test_it_says_that_it_was_never_run_against_the_real_service() -> None:
    assert "never run against the real service" in (connector.__doc__ or "")


def test_it_gives_values_as_databricks_means_them(service: Bricks) -> None:
    assert rows() == [FIRST, SECOND]
    assert service.closed == 1


def test_it_knows_its_columns_where_there_is_no_row(service: Bricks) -> None:
    with warehouses.open_stream(warehouse(), "SELECT 1") as stream:
        assert stream.start() == bricks.SCHEMA
    service.table = service.table.slice(0, 0)
    with warehouses.open_stream(warehouse(), "SELECT 1") as stream:
        assert stream.start() == bricks.SCHEMA
        assert list(stream) == []


def test_many_rows_come_in_bearable_batches(service: Bricks) -> None:
    service.table = pa.concat_tables([bricks.ROWS] * 20_000).combine_chunks()
    with warehouses.open_stream(warehouse(), "SELECT 1") as stream:
        stream.start()
        sizes = [batch.num_rows for batch in stream]
    assert sum(sizes) == 40_000
    assert max(sizes) <= 10_000


def test_it_binds_values_and_pastes_none(service: Bricks) -> None:
    word = "'); DROP TABLE customers; --"
    rows(
        "SELECT {{ word }}, {{ number }}, {{ large }}, {{ exact }}, {{ day }}, {{ when }}, {{ yes }}, {{ word }}",
        word=word,
        number=5,
        large=1 << 40,
        exact=Decimal("1.5E+3"),
        day=datetime.date(2024, 2, 29),
        when=datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
        yes=True,
    )
    [statement] = service.statements
    inside = "SELECT :word, :number, :large, :exact, :day, :when, :yes, :word"
    assert statement.statement == f"SELECT * FROM ({inside}\n)"
    found = {one.name: (one.type, one.value.stringValue) for one in statement.parameters}
    assert found == {
        "word": ("STRING", word),
        "number": ("INT", "5"),
        "large": ("BIGINT", str(1 << 40)),
        "exact": ("DECIMAL(4,0)", "1500"),
        "day": ("DATE", "2024-02-29"),
        "when": ("TIMESTAMP", "2024-02-29 12:30:00+00:00"),
        "yes": ("BOOLEAN", "True"),
    }


def test_its_session_reads_there_and_for_so_long(service: Bricks, settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 77
    rows()
    [session] = service.sessions
    assert session.configuration["STATEMENT_TIMEOUT"] == "77"
    assert (session.initialNamespace.catalogName, session.initialNamespace.schemaName) == ("main", "marts")


def test_an_access_token_is_sent_as_one(service: Bricks) -> None:
    rows()
    assert service.let_in == {f"Bearer {TOKEN}"}


def test_a_principals_secret_is_changed_for_a_token(service: Bricks) -> None:
    rows(secret="principal:s3cret-of-it")
    assert service.let_in == {"Bearer of-the-principal"}
    [asked] = [asked for asked in service.asked if asked.path.endswith("/token")]
    assert asked.path == "/adb-1.example.com/oidc/v1/token"
    sent = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
    assert sent == b"principal:s3cret-of-it"


def test_the_list_is_long_and_says_nothing_twice() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) > 100


@pytest.mark.parametrize("sql", HOSTILE)
def test_it_sends_nothing_that_is_not_one_query(service: Bricks, sql: str) -> None:
    with pytest.raises(AudienceSqlError):
        rows(sql)
    # Nor by whoever comes in past the good message.
    with pytest.raises(AudienceSqlError), connector.open_stream(LOCATION, TOKEN, Query(sql)) as stream:
        stream.start()
    assert service.asked == []


def test_a_cancel_ends_the_statement_at_the_service(service: Bricks) -> None:
    service.held = True
    with connector.open_stream(LOCATION, TOKEN, Query("SELECT 1")) as stream:
        with answering.ended_once(service.runs, stream), pytest.raises(Cancelled):
            stream.start()
        # While the stream is open: it was not the end of it that ended the query.
        assert service.ended.wait(10)
    assert service.cancelled
    assert service.closed == 1


def test_it_asks_the_service_whether_the_statement_still_runs(service: Bricks) -> None:
    service.held = True
    with connector.open_stream(LOCATION, TOKEN, Query("SELECT 1")) as stream:
        starting = threading.Thread(target=_started, args=(stream,))
        starting.start()
        assert service.runs.wait(10)
        while not stream._cursor.query_id:
            starting.join(0.01)
        assert stream.working()
        stream.cancel()
        starting.join()
        assert not stream.working()


def _started(stream: connector.Stream) -> None:
    with pytest.raises(Cancelled):
        stream.start()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("[PARSE_SYNTAX_ERROR] Syntax error at or near 'FRM'. SQLSTATE: 42601 (line 1)", "at or near 'FRM'"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `more` cannot be found.", "cannot be found"),
        ("[INSUFFICIENT_PERMISSIONS] User does not have SELECT on Table 'x'.", "does not have SELECT"),
        ("[DIVIDE_BY_ZERO] Division by zero. JVM stacktrace: org.apache.spark.X", "Division by zero"),
        ("Query could not be run: timed out after 77 seconds", "WAREHOUSE_TIMEOUT"),
    ],
)
def test_what_fails_is_said_in_databricks_words(service: Bricks, failure: str, words: str) -> None:
    service.failure = failure
    with pytest.raises(AudienceSqlError, match=words) as caught:
        rows()
    for word in (TOKEN, "org.apache", "example.com", "127.0.0.1"):
        assert word not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Invalid access token."),
        (403, "User is not an owner of the warehouse, or may not use it."),
        (404, "SQL warehouse abc does not exist."),
        (400, "Workspace 1 is not this one."),
    ],
)
def test_a_login_that_is_refused_is_said_without_its_secret(service: Bricks, status: int, said: str) -> None:
    service.refusal = status, said
    with pytest.raises(WarehouseUnreachable, match="lets nobody in") as caught:
        rows()
    assert said.rstrip(".") in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_missing_secret_is_said(service: Bricks) -> None:
    with pytest.raises(WarehouseUnreachable, match="needs a secret"):
        rows(secret="")
    assert service.asked == []


@pytest.mark.parametrize(
    "location",
    [
        "databricks://host?catalog=c&schema=s",
        "databricks://host/sql/1.0/warehouses/a?catalog=c",
        "databricks://me@host/sql/1.0/warehouses/a?catalog=c&schema=s",
        "databricks://token:word@host/sql/1.0/warehouses/a?catalog=c&schema=s",
        "databricks://host/sql/1.0/warehouses/a?catalog=c&schema=s&use_sea=1",
        "https://host/sql/1.0/warehouses/a",
    ],
)
def test_a_location_that_is_none_is_said(location: str) -> None:
    with pytest.raises(WarehouseUnreachable, match="location") as caught:
        warehouses.check(warehouse(location=location))
    assert "word@" not in str(caught.value)


def test_who_could_write_is_warned_about(service: Bricks) -> None:
    service.grants = [
        ("principal", "USE CATALOG", "CATALOG", "main"),
        ("principal", "MODIFY", "SCHEMA", "main.marts"),
        ("principal", "SELECT", "SCHEMA", "main.marts"),
    ]
    assert warehouses.examine(warehouse()) == [
        "principal could do more than read. It has MODIFY on schema main.marts."
    ]
    assert [one.statement for one in service.statements][1:] == [
        "SHOW GRANTS `principal` ON CATALOG `main`",
        "SHOW GRANTS `principal` ON SCHEMA `main`.`marts`",
    ]


def test_who_only_reads_is_not(service: Bricks) -> None:
    service.grants = [("principal", "SELECT", "SCHEMA", "main.marts")]
    assert warehouses.examine(warehouse()) == []


def test_a_cluster_is_warned_about(service: Bricks) -> None:
    location = LOCATION.replace("/sql/1.0/warehouses/abc", "/sql/protocolv1/o/1/abc")
    [warning] = warehouses.examine(warehouse(location=location))
    assert "Use a SQL warehouse" in warning


def test_nothing_of_a_query_enters_our_log(service: Bricks, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    rows("SELECT {{ who }} FROM secret_table", who="b@example.com")
    for word in ("secret_table", "b@example.com", TOKEN, "127.0.0.1"):
        assert word not in caplog.text
    [statement] = service.statements
    assert "secret_table" in statement.statement
