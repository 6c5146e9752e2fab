"""Snowflake's own connector against what answers as Snowflake does; the real service was never asked."""

import datetime
import json
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable, WarehouseUnsafe
from jobs.warehouses.snowflake import connector
from tests.jobs.warehouses import answering
from tests.jobs.warehouses.snowflake import snow
from tests.jobs.warehouses.snowflake.snow import LOCATION, Snow

PASSWORD = "p4ss-w0rd-of-nobody"
HOSTILE = (
    "INSERT INTO customers VALUES (0, 'x')",
    "UPDATE customers SET email = 'x'",
    "DELETE FROM customers",
    "MERGE INTO customers USING more ON TRUE WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE customers",
    "CREATE TABLE more AS SELECT * FROM customers",
    "DROP TABLE customers",
    "ALTER USER me SET PASSWORD = 'x'",
    "GRANT ROLE accountadmin TO USER me",
    "USE ROLE accountadmin",
    "SET x = 1",
    "CALL write_all()",
    "EXECUTE IMMEDIATE $$ BEGIN DELETE FROM customers; END $$",
    "EXECUTE TASK nightly",
    "BEGIN DELETE FROM customers; END",
    "COPY INTO @outside FROM customers",
    "COPY INTO 's3://outside/' FROM customers",
    "PUT file:///etc/passwd @~",
    "GET @~ file:///tmp",
    "REMOVE @~",
    "UNDROP TABLE customers",
    "SHOW TABLES",
    "SELECT 1; DELETE FROM customers",
    "SELECT 1); DROP TABLE customers; SELECT * FROM (SELECT 2",
    "SELECT 1) UNION ALL SELECT * FROM (SELECT 2",
    "SELECT 1 /* \n */); DROP TABLE customers --",
    "WITH a AS (SELECT 1) DELETE FROM customers",
    "SELECT * INTO more FROM customers",
    "SHOW TABLES ->> SELECT * FROM $1",
    "SELECT 1 ->> DELETE FROM customers",
    "SELECT numbers.nextval",
    "SELECT SYSTEM$CANCEL_ALL_QUERIES(42)",
    "SELECT SYSTEM$WAIT(600)",
    'SELECT "SYSTEM$ABORT_SESSION"(42)',
    "SELECT IDENTIFIER('system$wait')(600)",
    "SELECT $$ no end",
    "INSERT ALL INTO customers VALUES (1) SELECT 1",
    "INSERT OVERWRITE INTO customers SELECT 1",
    "CREATE OR REPLACE VIEW customers AS SELECT 1",
    "CREATE STAGE outside URL = 's3://outside/'",
    "CREATE TASK t SCHEDULE = '1 MINUTE' AS DELETE FROM customers",
    "CREATE EXTERNAL FUNCTION f() RETURNS int API_INTEGRATION = a AS 'https://outside'",
    "ALTER SESSION SET MULTI_STATEMENT_COUNT = 0",
    "ALTER WAREHOUSE REPORTING SUSPEND",
    "ALTER TABLE customers SWAP WITH more",
    "USE WAREHOUSE other",
    "USE SECONDARY ROLES ALL",
    "UNSET x",
    "LIST @~",
    "RM @~",
    "DESCRIBE TABLE customers",
    "EXPLAIN SELECT 1",
    "COMMENT ON TABLE customers IS 'x'",
    "DECLARE x INT; BEGIN DELETE FROM customers; END",
    "LET x := 1",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "WITH p AS PROCEDURE () RETURNS int LANGUAGE SQL AS 'DELETE FROM customers' CALL p()",
    "SELECT * FROM customers FOR UPDATE",
    "(SELECT * FROM customers FOR UPDATE)",
    "SELECT * FROM (SELECT * FROM customers FOR UPDATE) a",
    "SELECT * FROM customers FOR UPDATE NOWAIT",
    "SELECT id INTO :x FROM customers",
    'SELECT "NUMBERS"."NEXTVAL"',
    "SELECT numbers /* */ . /* */ nextval",
    "SELECT n.nextval FROM TABLE(GETNEXTVAL(numbers)) n",
    "SELECT * FROM @~/secret",
    "SELECT $1 FROM @%customers",
    "SELECT $1 FROM @marts.files/x (FILE_FORMAT => 'csv')",
    "SELECT $1 FROM '@~/a file'",
    "SELECT * FROM DIRECTORY(@files)",
    "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@files', FILE_FORMAT => 'csv'))",
    "SELECT GET_PRESIGNED_URL(@files, 'x')",
    "SELECT BUILD_SCOPED_FILE_URL('@files', 'x')",
    "SELECT TO_FILE('@files', 'x')",
    "SELECT SNOWFLAKE.CORTEX.COMPLETE('model', email) FROM customers",
    'SELECT "SNOWFLAKE"."CORTEX"."COMPLETE"(\'model\', email) FROM customers',
    "SELECT AI_COMPLETE('model', email) FROM customers",
    "SELECT ai_classify(email, ['a']) FROM customers",
    "SELECT SYSTEM$SEND_EMAIL('a', 'b', 'c', 'd')",
    "SELECT system$pipe_force_resume('p')",
    'SELECT "system$wait"(600)',
    "SELECT 1, (SELECT SYSTEM$WAIT(600))",
    "SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('customers')",
    "SELECT 1 // \n); DROP TABLE customers; SELECT (2",
    "SELECT 'a\\\\'); DROP TABLE customers; --'",
    "SELECT ''''); DROP TABLE customers; --'",
    "SELECT $$'$$); DROP TABLE customers; --'",
    'SELECT "a""b"); DROP TABLE customers; --"',
    "SELECT 1 /* /* */); DROP TABLE customers --*/",
    "SELECT 1 --\r); DROP TABLE customers",
    "SELECT 1\xa0; DELETE FROM customers",
    "SELECT 1) -- ",
    "SELECT (1",
    "SELECT 1;; DELETE FROM customers",
    ";DELETE FROM customers",
    "DELETE FROM customers -- SELECT",
    "/* SELECT */ DELETE FROM customers",
    "(DELETE FROM customers)",
    "((UPDATE customers SET email = 'x'))",
    "SELECT * FROM (DELETE FROM customers)",
    "SELECT * FROM (INSERT INTO customers VALUES (1))",
    "SELECT * FROM (MERGE INTO customers USING more ON TRUE WHEN MATCHED THEN DELETE)",
    "SELECT * FROM (CALL write_all())",
    "SELECT * FROM (DROP TABLE customers)",
    "SELECT IDENTIFIER('a')('b')",
    "SELECT * FROM TABLE(IDENTIFIER('f')(1))",
)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Snow]:
    with snow.service(monkeypatch) as found:
        yield found


def warehouse(secret: str = PASSWORD, location: str = LOCATION) -> Warehouse:
    return Warehouse(
        name="snow", kind=Kind.SNOWFLAKE, location=location, secret=warehouses.seal_secret(secret)
    )


def rows(sql: str = "SELECT 1", secret: str = PASSWORD, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse(secret), sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def test_it_says_that_it_was_never_run_against_the_real_service() -> None:
    assert "never run against the real service" in (connector.__doc__ or "")


def test_it_gives_values_as_snowflake_means_them(service: Snow) -> None:
    first, second = rows()
    when = datetime.datetime(2023, 11, 14, 22, 13, 20, 123_000)
    assert first.pop("when_tz") == when.replace(tzinfo=datetime.UTC)
    assert first == {
        "id": 1,
        "amount": Decimal("123.45"),
        "big": Decimal("1234567890123456789012345.6789"),
        "when_ntz": when,
        "day": datetime.date(2024, 2, 29),
        "ok": True,
        "doc": {"a": [1, None]},
        "x": 1.5,
        "Email": "a@example.com",
    }
    assert second.pop("id") == 2
    assert set(second.values()) == {None}


def test_it_knows_its_columns_where_there_is_no_row(service: Snow) -> None:
    with warehouses.open_stream(warehouse(), "SELECT 1") as stream:
        full = stream.start()
    service.table = service.table.slice(0, 0)
    with warehouses.open_stream(warehouse(), "SELECT 1") as stream:
        assert stream.start() == full
        assert list(stream) == []


def test_it_binds_values_and_pastes_none(service: Snow) -> None:
    when = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
    rows(
        "SELECT {{ word }}, {{ number }}, {{ exact }}, {{ day }}, {{ when }}, {{ word }}, {{ yes }}",
        word="'); DROP TABLE customers; --",
        number=5,
        exact=Decimal("1.50"),
        day=datetime.date(2024, 2, 29),
        when=when,
        yes=True,
    )
    [statement] = service.statements
    assert statement["sqlText"] == "SELECT * FROM (SELECT ?, ?, ?, ?, ?, ?, ?\n)"
    bound = [statement["bindings"][str(number)] for number in range(1, 8)]
    assert bound[0] == bound[5] == {"type": "TEXT", "value": "'); DROP TABLE customers; --"}
    assert bound[1] == {"type": "FIXED", "value": "5"}
    assert (bound[2]["type"], Decimal(bound[2]["value"])) == ("FIXED", Decimal("1.50"))
    assert (bound[3]["type"], int(bound[3]["value"])) == ("DATE", 1_709_164_800_000)
    assert bound[4]["type"] == "TIMESTAMP_LTZ"
    assert int(bound[4]["value"].split()[0]) == int(when.timestamp()) * 10**9
    assert (bound[6]["type"], bound[6]["value"].lower()) == ("BOOLEAN", "true")


def test_its_session_runs_one_statement_for_so_long_and_with_one_role(
    service: Snow, settings: Settings
) -> None:
    settings.WAREHOUSE_TIMEOUT = 77
    rows()
    parameters = service.login["SESSION_PARAMETERS"]
    assert parameters["MULTI_STATEMENT_COUNT"] == "1"
    assert parameters["STATEMENT_TIMEOUT_IN_SECONDS"] == "77"
    assert parameters["ABORT_DETACHED_QUERY"] == "true"
    [login] = [asked for asked in service.asked if "login-request" in asked.path]
    assert {
        name: login.options[name] for name in ("warehouse", "roleName", "databaseName", "schemaName")
    } == {
        "warehouse": ["wh"],
        "roleName": ["reader"],
        "databaseName": ["db"],
        "schemaName": ["s"],
    }


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_key_signs_a_token_and_stays_here(service: Snow, passphrase: str) -> None:
    key = answering.key()
    rows(secret=f"{passphrase}\n{answering.pem(key, passphrase)}")
    assert service.login["AUTHENTICATOR"] == "SNOWFLAKE_JWT"
    claims = answering.claims(service.login["TOKEN"], key)
    assert claims["sub"] == "ACC.ME"
    assert claims["iss"].startswith("ACC.ME.SHA256:")
    assert "PRIVATE KEY" not in str(service.asked)
    assert "PASSWORD" not in service.login


def test_an_access_token_is_sent_as_one(service: Snow) -> None:
    rows(secret="eyJhead.eyJbody.sign")
    assert service.login["AUTHENTICATOR"] == "PROGRAMMATIC_ACCESS_TOKEN"
    assert service.login["TOKEN"] == "eyJhead.eyJbody.sign"


def test_a_password_is_sent_as_one(service: Snow) -> None:
    rows()
    assert service.login["PASSWORD"] == PASSWORD


def test_the_list_is_long_and_says_nothing_twice() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) > 100


@pytest.mark.parametrize("sql", HOSTILE)
def test_it_sends_no_statement_that_is_not_one_query(service: Snow, sql: str) -> None:
    with pytest.raises(AudienceSqlError):
        rows(sql)
    # Nor by whoever comes in past the good message.
    with pytest.raises(AudienceSqlError), connector.open_stream(LOCATION, PASSWORD, Query(sql)) as stream:
        stream.start()
    assert service.statements == []


def test_a_cancel_ends_the_query_at_the_service(service: Snow) -> None:
    service.held = True
    with connector.open_stream(LOCATION, PASSWORD, Query("SELECT 1")) as stream:
        with answering.ended_once(service.runs, stream), pytest.raises(Cancelled):
            stream.start()
        # While the stream is open: it was not the end of it that ended the query.
        assert service.aborted.wait(10)
    assert [asked.method for asked in service.asked if asked.path == f"/queries/{snow.ID}/abort-request"][:1]


def test_it_asks_the_service_whether_the_query_still_runs(service: Snow) -> None:
    service.held = True
    with connector.open_stream(LOCATION, PASSWORD, Query("SELECT 1")) as stream:
        assert not stream.working()
        starting = threading.Thread(target=started, args=(stream,))
        starting.start()
        assert service.runs.wait(10)
        while not stream._id:
            starting.join(0.01)
        assert stream.working()
        stream.cancel()
        starting.join()


def started(stream: connector.Stream) -> None:
    with pytest.raises(Cancelled):
        stream.start()


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (("001003", "SQL compilation error: syntax error line 1"), AudienceSqlError, "syntax error line 1"),
        (("002003", "Object 'MORE' does not exist or not authorized."), AudienceSqlError, "not authorized"),
        (("000630", "Statement reached its statement timeout"), AudienceSqlError, "WAREHOUSE_TIMEOUT"),
        (("000606", "No active warehouse selected in the current session."), AudienceSqlError, "warehouse"),
        (("000604", "SQL execution canceled"), WarehouseUnreachable, "Somebody at the warehouse"),
    ],
)
def test_what_fails_is_said_in_snowflakes_words(
    service: Snow, failure: tuple[str, str], kind: type[Exception], words: str
) -> None:
    service.failure = failure
    with pytest.raises(kind, match=words) as caught:
        rows()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("390100", "Incorrect username or password was specified."),
        ("390144", "JWT token is invalid."),
        ("390201", "The requested warehouse does not exist or not authorized."),
        ("390189", "Role 'READER' specified in the connect string does not exist or not authorized."),
    ],
)
def test_a_login_that_is_refused_is_said_without_its_secret(service: Snow, number: str, words: str) -> None:
    service.refusal = number, words
    with pytest.raises(WarehouseUnreachable, match="lets nobody in") as caught:
        rows()
    assert words.rstrip(".") in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----"])
def test_a_secret_that_is_none_is_said_without_it(service: Snow, secret: str) -> None:
    with pytest.raises(WarehouseUnreachable) as caught:
        rows(secret=secret)
    assert "bm8ga2V5" not in str(caught.value)
    assert service.asked == []


def test_a_key_with_another_passphrase_is_said_without_either(service: Snow) -> None:
    pem = answering.pem(answering.key(), "open sesame")
    with pytest.raises(WarehouseUnreachable) as caught:
        rows(secret=f"close sesame\n{pem}")
    assert "sesame" not in str(caught.value)
    assert pem.splitlines()[1] not in str(caught.value)
    assert service.asked == []


@pytest.mark.parametrize("role", ["ACCOUNTADMIN", "sysadmin"])
def test_a_role_that_may_do_anything_is_refused(service: Snow, role: str) -> None:
    service.role = role
    with pytest.raises(WarehouseUnsafe, match="may do anything"):
        rows()
    with pytest.raises(WarehouseUnsafe):
        warehouses.examine(warehouse())
    assert service.statements == []


def test_a_role_that_could_write_is_warned_about(service: Snow) -> None:
    service.grants = [
        {"privilege": "SELECT", "granted_on": "TABLE", "name": "DB.S.CUSTOMERS"},
        {"privilege": "INSERT", "granted_on": "TABLE", "name": "DB.S.CUSTOMERS"},
        {"privilege": "USAGE", "granted_on": "PROCEDURE", "name": "DB.S.WRITE_ALL()"},
    ]
    assert warehouses.examine(warehouse()) == [
        "The role READER could do more than read. It has INSERT on table DB.S.CUSTOMERS.",
        "The role READER could do more than read. It has USAGE on procedure DB.S.WRITE_ALL().",
    ]
    assert [statement["sqlText"] for statement in service.statements] == ['SHOW GRANTS TO ROLE "READER"']


def test_a_role_that_only_reads_is_not(service: Snow) -> None:
    service.grants = [
        {"privilege": "USAGE", "granted_on": "WAREHOUSE", "name": "WH"},
        {"privilege": "SELECT", "granted_on": "TABLE", "name": "DB.S.CUSTOMERS"},
    ]
    assert warehouses.examine(warehouse()) == []


@pytest.mark.parametrize(
    "location",
    [
        "snowflake://acc/db/s?warehouse=w&role=r",
        "snowflake://me@acc/db?warehouse=w&role=r",
        "snowflake://me@acc/db/s?warehouse=w",
        "snowflake://me:word@acc/db/s?warehouse=w&role=r",
        "snowflake://me@acc/db/s?warehouse=w&role=r&host=elsewhere",
        "https://acc",
    ],
)
def test_a_location_that_is_none_is_said(location: str) -> None:
    with pytest.raises(WarehouseUnreachable, match="location") as caught:
        warehouses.check(warehouse(location=location))
    assert "word@" not in str(caught.value)


def test_nothing_of_a_query_enters_our_log(service: Snow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    rows("SELECT {{ who }} FROM secret_table", who="b@example.com")
    for word in ("secret_table", "b@example.com", PASSWORD, "session-token", "127.0.0.1"):
        assert word not in caplog.text
    assert "IMDS" not in caplog.text  # nor does it ask around which machine it is on
    assert "secret_table" in json.dumps(service.statements)
