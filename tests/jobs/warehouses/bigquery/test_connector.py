"""Google's own libraries against what answers as BigQuery does; the real service was never asked."""

import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable
from jobs.warehouses.bigquery import connector
from tests.jobs.warehouses import answering
from tests.jobs.warehouses.bigquery import bigshop
from tests.jobs.warehouses.bigquery.bigshop import EMAIL, LOCATION, SECOND, SEEN, Google

# What one of Google's libraries says of another that calls it.
pytestmark = pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches:PendingDeprecationWarning")

# The SQL, and what BigQuery calls it (JobStatistics2.statementType).
HOSTILE = (
    ("INSERT INTO customers VALUES (0, 'x')", "INSERT"),
    ("UPDATE customers SET email = 'x' WHERE true", "UPDATE"),
    ("DELETE FROM customers WHERE true", "DELETE"),
    ("MERGE customers USING more ON FALSE WHEN NOT MATCHED THEN INSERT ROW", "MERGE"),
    ("TRUNCATE TABLE customers", "TRUNCATE_TABLE"),
    ("CREATE TABLE more (id INT64)", "CREATE_TABLE"),
    ("CREATE TABLE more AS SELECT * FROM customers", "CREATE_TABLE_AS_SELECT"),
    ("CREATE VIEW more AS SELECT * FROM customers", "CREATE_VIEW"),
    ("CREATE MODEL m OPTIONS (model_type = 'linear_reg') AS SELECT 1", "CREATE_MODEL"),
    ("CREATE SNAPSHOT TABLE more CLONE customers", "CREATE_SNAPSHOT_TABLE"),
    ("CREATE FUNCTION f() AS (1)", "CREATE_FUNCTION"),
    ("CREATE PROCEDURE p() BEGIN SELECT 1; END", "CREATE_PROCEDURE"),
    ("CREATE SCHEMA more", "CREATE_SCHEMA"),
    ("ALTER TABLE customers DROP COLUMN email", "ALTER_TABLE"),
    ("DROP TABLE customers", "DROP_TABLE"),
    ("DROP SCHEMA marts CASCADE", "DROP_SCHEMA"),
    ("GRANT `roles/bigquery.admin` ON SCHEMA marts TO 'user:x@example.com'", "GRANT"),
    (
        "EXPORT DATA OPTIONS (uri = 'gs://outside/*', format = 'CSV') AS SELECT * FROM customers",
        "EXPORT_DATA",
    ),
    ("LOAD DATA INTO customers FROM FILES (format = 'CSV', uris = ['gs://outside/x'])", "LOAD_DATA"),
    ("CALL write_all()", "CALL"),
    ("CALL BQ.ABORT_SESSION()", "CALL"),
    ("EXECUTE IMMEDIATE 'DELETE FROM customers WHERE true'", "SCRIPT"),
    ("BEGIN TRANSACTION", "BEGIN_TRANSACTION"),
    ("DECLARE x INT64; SET x = 1", "SCRIPT"),
    ("SELECT 1; DELETE FROM customers WHERE true", "SCRIPT"),
    ("SELECT 1; SELECT 2", "SCRIPT"),
    ("BEGIN SELECT 1; DROP TABLE customers; END", "SCRIPT"),
    ("SELECT ''';'''; DROP TABLE customers", "SCRIPT"),
    ("SELECT 1 # \n; DROP TABLE customers", "SCRIPT"),
    ("ASSERT TRUE", "ASSERT"),
    ("FROM customers |> EXPORT DATA OPTIONS (uri = 'gs://outside/*')", "EXPORT_DATA"),
    ("WITH a AS (SELECT 1) SELECT * FROM a; TRUNCATE TABLE customers", "SCRIPT"),
    ("SELECT something of a kind that there is not yet", "REFRESH_EVERYTHING"),
    ("SELECT something of no kind", None),
    # More of what BigQuery itself calls by another name.
    ("INSERT customers SELECT * FROM more", "INSERT"),
    ("DELETE customers WHERE true", "DELETE"),
    ("CREATE TEMP TABLE more AS SELECT 1", "CREATE_TABLE_AS_SELECT"),
    ("CREATE OR REPLACE EXTERNAL TABLE more OPTIONS (uris = ['gs://outside/x'])", "CREATE_EXTERNAL_TABLE"),
    ("CREATE MATERIALIZED VIEW more AS SELECT 1", "CREATE_MATERIALIZED_VIEW"),
    ("CREATE SEARCH INDEX i ON customers (ALL COLUMNS)", "CREATE_SEARCH_INDEX"),
    (
        "CREATE ROW ACCESS POLICY p ON customers GRANT TO ('allUsers') FILTER USING (true)",
        "CREATE_ROW_ACCESS_POLICY",
    ),
    ("CREATE RESERVATION `p.region-eu.r` OPTIONS (slot_capacity = 100)", "CREATE_RESERVATION"),
    (
        "CREATE FUNCTION f(x STRING) RETURNS STRING REMOTE WITH CONNECTION c OPTIONS (endpoint = 'x')",
        "CREATE_FUNCTION",
    ),
    ("ALTER SCHEMA marts SET OPTIONS (default_table_expiration_days = 1)", "ALTER_SCHEMA"),
    ("ALTER ORGANIZATION SET OPTIONS (`region-eu.default_query_job_timeout_ms` = 1)", "ALTER_ORGANIZATION"),
    ("DROP ALL ROW ACCESS POLICIES ON customers", "DROP_ROW_ACCESS_POLICY"),
    ("UNDROP SCHEMA marts", "UNDROP_SCHEMA"),
    ("REVOKE `roles/bigquery.admin` ON SCHEMA marts FROM 'user:x@example.com'", "REVOKE"),
    ("EXPORT MODEL m OPTIONS (uri = 'gs://outside/m')", "EXPORT_MODEL"),
    ("COMMIT TRANSACTION", "COMMIT_TRANSACTION"),
    ("ROLLBACK TRANSACTION", "ROLLBACK_TRANSACTION"),
    ("SET @@time_zone = 'UTC'", "SCRIPT"),
    ("IF true THEN DELETE FROM customers WHERE true; END IF", "SCRIPT"),
    ("LOOP SELECT 1; END LOOP", "SCRIPT"),
    ("WHILE true DO SELECT 1; END WHILE", "SCRIPT"),
    ("FOR r IN (SELECT 1) DO DELETE FROM customers WHERE true; END FOR", "SCRIPT"),
    ("RAISE USING MESSAGE = 'x'", "SCRIPT"),
    ("DEBUG SELECT 1", "SCRIPT"),
    ("SELECT 1;\nBEGIN DELETE FROM customers WHERE true; EXCEPTION WHEN ERROR THEN SELECT 1; END", "SCRIPT"),
    ("CREATE TEMP FUNCTION f() AS (1); SELECT f()", "SCRIPT"),
    ("/* SELECT */ DELETE FROM customers WHERE true", "DELETE"),
    ("SELECT r'\\'; DROP TABLE customers; --'", "SCRIPT"),
    ("SELECT '''a''''; DROP TABLE customers; --'", "SCRIPT"),
    ("SELECT `a`; DROP TABLE customers --`", "SCRIPT"),
    # What it calls a SELECT, though it acts: here our own look decides.
    ("SELECT * FROM EXTERNAL_QUERY('eu.shop', 'DELETE FROM customers RETURNING 1')", "SELECT"),
    ("SELECT * FROM external_query /* */ ('eu.shop', 'SELECT write_one()')", "SELECT"),
    ("SELECT * FROM `EXTERNAL_QUERY`('eu.shop', 'SELECT write_one()')", "SELECT"),
    ("SELECT AI.GENERATE(email, connection_id => 'eu.c') FROM customers", "SELECT"),
    (
        "SELECT * FROM AI.GENERATE_TABLE(MODEL marts.m, TABLE customers, STRUCT('x' AS output_schema))",
        "SELECT",
    ),
    ("SELECT * FROM ML.GENERATE_TEXT(MODEL marts.m, TABLE customers)", "SELECT"),
    (
        "SELECT * FROM ml.translate(MODEL marts.m, TABLE customers, STRUCT('translate_text' AS mode))",
        "SELECT",
    ),
    ("SELECT OBJ.GET_ACCESS_URL(OBJ.MAKE_REF('gs://x/y', 'eu.c'), 'RW')", "SELECT"),
    ("SELECT 1; DELETE FROM customers WHERE true", "SELECT"),
    ("SELECT * FROM (DELETE FROM customers WHERE true)", "SELECT"),
    ("DELETE FROM customers WHERE true", "SELECT"),
)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    # Short: each connection reads it, and looks whether its numbers are prime, 50 ms of CPU for 2048 bits.
    return answering.key(1024)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, key: rsa.RSAPrivateKey, tmp_path: Path) -> Iterator[Google]:
    with bigshop.service(monkeypatch, key, tmp_path) as found:
        yield found


def warehouse(secret: str, location: str = LOCATION) -> Warehouse:
    return Warehouse(name="bq", kind=Kind.BIGQUERY, location=location, secret=warehouses.seal_secret(secret))


def rows(service: Google, sql: str = "SELECT 1", **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse(service.secret()), sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def test_it_says_that_it_was_never_run_against_the_real_service() -> None:
    assert "never run against the real service" in (connector.__doc__ or "")


def test_few_rows_come_with_the_answer_as_bigquery_means_them(service: Google) -> None:
    found = rows(service)
    assert found == [SEEN, SECOND]
    assert (str(found[0]["amount"]), str(found[0]["big"])) == ("123.45", f"12345.{'0' * 37}1")
    assert service.read == []


def test_many_rows_come_by_the_storage_read_api_just_the_same(service: Google) -> None:
    service.many = True
    assert sorted(rows(service), key=lambda row: str(row["id"])) == [SEEN, SEEN, SECOND, SECOND]
    assert sorted(call for call, _ in service.read) == ["CreateReadSession", "ReadRows", "ReadRows"]
    for _, let_in in service.read:
        assert let_in.startswith("Bearer ")


def test_the_columns_are_the_same_either_way(service: Google) -> None:
    found = []
    for service.many in (False, True):
        with warehouses.open_stream(warehouse(service.secret()), "SELECT 1") as stream:
            found.append(stream.start())
            assert {batch.schema for batch in stream} == {found[-1]}
    assert found[0] == found[1] == bigshop.SCHEMA


def test_it_binds_values_and_pastes_none(service: Google) -> None:
    word = "'); DROP TABLE customers; --"
    rows(
        service,
        "SELECT {{ word }}, {{ number }}, {{ large }}, {{ exact }}, {{ day }}, {{ when }}, {{ yes }}, {{ word }}",
        word=word,
        number=5,
        large=1 << 70,
        exact=Decimal("1.50"),
        day=datetime.date(2024, 2, 29),
        when=datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
        yes=True,
    )
    for job in service.jobs:
        query = job["query"]
        assert query["query"] == "SELECT @word, @number, @large, @exact, @day, @when, @yes, @word"
        assert query["parameterMode"] == "NAMED"
        found = {
            one["name"]: (one["parameterType"]["type"], one["parameterValue"]["value"])
            for one in query["queryParameters"]
        }
        assert found == {
            "word": ("STRING", word),
            "number": ("INT64", "5"),
            "large": ("BIGNUMERIC", str(1 << 70)),
            "exact": ("BIGNUMERIC", "1.50"),
            "day": ("DATE", "2024-02-29"),
            "when": ("TIMESTAMP", "2024-02-29 12:30:00+00:00"),
            "yes": ("BOOL", "true"),
        }


def test_it_looks_before_it_runs_and_runs_within_limits(service: Google, settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 77
    rows(service, "SELECT id FROM customers")
    looked, ran = service.jobs
    assert (looked["dryRun"], ran.get("dryRun", False)) == (True, False)
    assert looked["query"]["query"] == ran["query"]["query"]
    assert ran["jobTimeoutMs"] == "77000"
    assert ran["query"]["maximumBytesBilled"] == "1000000"
    assert ran["query"]["useLegacySql"] is False
    assert ran["query"]["defaultDataset"] == {"projectId": "shop", "datasetId": "marts"}
    assert "destinationTable" not in ran["query"]


def test_the_list_is_long_and_says_nothing_twice() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) > 70


@pytest.mark.parametrize(("sql", "kind"), HOSTILE)
def test_nothing_but_a_dry_run_is_sent_of_what_is_no_select(
    service: Google, sql: str, kind: str | None
) -> None:
    service.kind = kind
    with (
        pytest.raises(AudienceSqlError),
        connector.open_stream(LOCATION, service.secret(), Query(sql)) as stream,
    ):
        stream.start()
    with pytest.raises(AudienceSqlError):
        rows(service, sql)
    assert service.jobs
    assert all(job["dryRun"] is True for job in service.jobs)
    assert not service.runs.is_set()


def test_the_accounts_key_signs_and_stays_here(service: Google) -> None:
    rows(service)
    [claims] = service.claims
    assert claims["iss"] == EMAIL
    assert claims["scope"] == " ".join(connector.SCOPES)
    for asked in service.asked:
        assert b"PRIVATE KEY" not in asked.body


def test_a_cancel_ends_the_job_at_the_service(service: Google) -> None:
    service.held = True
    with connector.open_stream(LOCATION, service.secret(), Query("SELECT 1")) as stream:
        with answering.ended_once(service.runs, stream), pytest.raises(Cancelled):
            stream.start()
        # While the stream is open: it was not the end of it that ended the query.
        assert service.cancelled.wait(10)
    [path] = {asked.path for asked in service.asked if asked.path.endswith("/cancel")}
    assert path == f"{bigshop.JOBS}/{service.reference['jobId']}/cancel"


def test_a_cancel_wakes_who_waits_for_the_next_page(service: Google) -> None:
    service.many = service.silent = True
    with warehouses.open_stream(warehouse(service.secret()), "SELECT 1") as stream:
        stream.start()
        batches = iter(stream)
        next(batches)
        stream.cancel()
        with pytest.raises(Cancelled):
            list(batches)
    assert service.cancelled.wait(10)


def test_it_asks_the_service_whether_the_job_still_runs(service: Google) -> None:
    service.held = True
    with connector.open_stream(LOCATION, service.secret(), Query("SELECT 1")) as stream:
        assert not stream.working()
        starting = threading.Thread(target=_started, args=(stream,))
        starting.start()
        assert service.runs.wait(10)
        while stream._job is None:
            starting.join(0.01)
        assert stream.working()
        stream.cancel()
        starting.join()
        assert not stream.working()


def _started(stream: connector.Stream) -> None:
    with pytest.raises(Cancelled):
        stream.start()


@pytest.mark.parametrize(
    ("status", "reason", "said", "kind", "words"),
    [
        (400, "invalidQuery", "Syntax error: Unexpected end at [1:9]", AudienceSqlError, r"at \[1:9\]"),
        (404, "notFound", "Not found: Table shop:marts.more", AudienceSqlError, "Not found: Table"),
        (403, "accessDenied", "Access Denied: Table shop:marts.x", AudienceSqlError, "Access Denied"),
        (
            403,
            "accessDenied",
            "Access Denied: Project shop: User does not have bigquery.jobs.create permission",
            WarehouseUnreachable,
            "roles/bigquery.jobUser",
        ),
        (404, "notFound", "Not found: Project elsewhere", WarehouseUnreachable, "Project elsewhere"),
        (
            403,
            "quotaExceeded",
            "Quota exceeded: too many bytes today",
            WarehouseUnreachable,
            "Quota exceeded",
        ),
        (403, "billingNotEnabled", "Billing has not been enabled", WarehouseUnreachable, "Billing"),
    ],
)
def test_what_is_refused_is_said_in_bigquerys_words(
    service: Google, status: int, reason: str, said: str, kind: type[Exception], words: str
) -> None:
    service.refusal = status, reason, said
    with pytest.raises(kind, match=words) as caught:
        rows(service)
    assert "http" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "said", "kind", "words"),
    [
        (
            "bytesBilledLimitExceeded",
            "Query exceeded limit for bytes billed",
            AudienceSqlError,
            "maximum_bytes",
        ),
        ("timeout", "Job timed out after 77s", AudienceSqlError, "WAREHOUSE_TIMEOUT"),
        ("invalidQuery", "Division by zero: 1 / 0", AudienceSqlError, "Division by zero"),
    ],
)
def test_what_fails_on_the_way_is_said(
    service: Google, reason: str, said: str, kind: type[Exception], words: str
) -> None:
    service.failure = reason, said
    with pytest.raises(kind, match=words):
        rows(service)


def test_a_key_that_is_good_no_more_is_said_without_it(service: Google) -> None:
    service.no_token = True
    with pytest.raises(WarehouseUnreachable, match="Invalid JWT Signature") as caught:
        rows(service)
    assert "PRIVATE" not in str(caught.value)
    assert service.jobs == []


@pytest.mark.parametrize(
    "secret", ["word-of-nobody", '["word-of-nobody"]', '{"private_key": "word-of-nobody"}']
)
def test_a_secret_that_is_no_key_is_said_without_it(secret: str) -> None:
    with pytest.raises(WarehouseUnreachable, match="not the JSON of a service account's key") as caught:
        warehouses.check(warehouse(secret))
    assert "word-of-nobody" not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        "bigquery://shop",
        "bigquery://shop/a/b",
        "bigquery://shop/marts?where=EU",
        "bigquery://shop/marts?maximum_bytes_billed=much",
        "https://shop/marts",
    ],
)
def test_a_location_that_is_none_is_said(location: str) -> None:
    with pytest.raises(WarehouseUnreachable, match="location"):
        warehouses.check(warehouse("", location))


def test_an_account_that_could_write_is_warned_about(service: Google) -> None:
    service.may = ["bigquery.tables.updateData", "bigquery.tables.delete"]
    [warning] = warehouses.examine(warehouse(service.secret()))
    assert "bigquery.tables.delete, bigquery.tables.updateData" in warning
    assert "roles/bigquery.dataViewer" in warning


def test_an_account_that_only_reads_is_not(service: Google) -> None:
    assert warehouses.examine(warehouse(service.secret())) == []


def test_nothing_of_a_query_enters_our_log(service: Google, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    rows(service, "SELECT {{ who }} FROM secret_table", who="b@example.com")
    for word in ("secret_table", "b@example.com", "PRIVATE", "of-the-account", "127.0.0.1"):
        assert word not in caplog.text
