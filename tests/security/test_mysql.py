"""The SQL of an Audience against MySQL: it writes nothing, and a user that may only read gets nowhere else."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest

from jobs import warehouses
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, WarehouseUnsafe
from jobs.warehouses.mysql import connector, session
from tests.jobs.warehouses.mysql import seals
from tests.jobs.warehouses.mysql.seals import PASSWORD, Database
from tests.security.held import Held, refusal, refused, rows

NAME = "w_hostile"
# Held back by a look at the SQL alone.
WAITING = re.compile(r"LOCK|SLEEP|BENCHMARK|WAIT")
FUNCTION = "CREATE FUNCTION {}() RETURNS int MODIFIES SQL DATA BEGIN {}; RETURN 1; END"

# Refused to whoever asks; what is called may be granted to a user, the transaction only reads all the same.
MYSQL_WRITES = (
    "INSERT INTO customers VALUES (0, 'x')",
    "INSERT INTO log VALUES (1) RETURNING a",
    "REPLACE INTO customers VALUES (1, 'x')",
    "UPDATE customers SET email = 'x'",
    "DELETE FROM customers",
    "DELETE FROM customers RETURNING id",
    "(DELETE FROM customers)",
    "WITH some AS (SELECT 1) DELETE FROM customers",
    "WITH some AS (SELECT 1) UPDATE customers SET email = 'x'",
    "TRUNCATE customers",
    "CREATE TABLE more (id int)",
    "CREATE TABLE more AS SELECT 1",
    "CREATE TEMPORARY TABLE more (id int)",
    "DROP TABLE customers",
    "ALTER TABLE customers ADD x int",
    "RENAME TABLE customers TO gone",
    "CREATE INDEX more ON customers (email)",
    "OPTIMIZE TABLE customers",
    "CREATE VIEW more AS SELECT 1",
    "SELECT write_one()",
    "SELECT write_log()",
    "SELECT * FROM (SELECT write_log()) t",
    "SELECT id FROM customers WHERE write_log() = 1",
    "SELECT id FROM customers ORDER BY write_log()",
    "WITH some AS (SELECT write_log() AS x) SELECT x FROM some",
    "SELECT write_log() FROM customers PROCEDURE ANALYSE()",
    "CALL wall()",
    "(CALL wall())",
    "/* SELECT */ CALL wall()",
    "# SELECT\nCALL wall()",
    "SELECT 1 FROM wall()",
    "SELECT NEXTVAL(numbers)",
    "SELECT NEXT VALUE FOR numbers",
    "SELECT SETVAL(numbers, 100)",
    "DO write_log()",
    "DO RELEASE_ALL_LOCKS()",
    "BEGIN NOT ATOMIC INSERT INTO log VALUES (1); END",
    "EXECUTE IMMEDIATE 'INSERT INTO log VALUES (1)'",
    "PREPARE p FROM 'DELETE FROM customers'",
    "EXECUTE accelerator",
    "DEALLOCATE PREPARE accelerator",
    "SELECT 1; DELETE FROM customers",
    "SELECT 1; COMMIT; DELETE FROM customers",
    "SELECT 1); DELETE FROM customers; (SELECT 2",
    "SELECT 1\n) AS a; DROP TABLE customers; SELECT * FROM (SELECT 2",
    "SELECT 1 AS a) /*",
    "SELECT 1 /*! ; DELETE FROM customers */",
    "SELECT 1 /*!50000 INTO OUTFILE '{folder}/out' */",
    "SELECT 1 /*M! INTO OUTFILE '{folder}/out' */",
    "SELECT 1 /*!99999 */",
    "/*! DELETE FROM customers */",
    "SELECT 1 INTO OUTFILE '{folder}/out'",
    "SELECT 1) INTO OUTFILE '{folder}/out' -- ",
    "SELECT 1) INTO OUTFILE '{folder}/out' #",
    "SELECT 1 INTO DUMPFILE '{folder}/out'",
    "SELECT * FROM (SELECT 1 INTO OUTFILE '{folder}/out') t",
    "SELECT 1 UNION SELECT 2 INTO OUTFILE '{folder}/out'",
    "WITH some AS (SELECT 1) SELECT * FROM some INTO OUTFILE '{folder}/out'",
    "SELECT 1 INTO @accelerator_sql",
    "SELECT id INTO @x FROM customers LIMIT 1",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE log",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE log",
    "LOAD XML INFILE '/etc/passwd' INTO TABLE log",
    "HANDLER customers OPEN",
    "SET GLOBAL max_connections = 1",
    "SET SESSION tx_read_only = 0",
    "SET STATEMENT max_statement_time = 0 FOR SELECT 1",
    "SET TRANSACTION READ WRITE",
    "SET PASSWORD = PASSWORD('x')",
    "SET ROLE ALL",
    "SET @x = 1",
    "START TRANSACTION READ WRITE",
    "COMMIT",
    "COMMIT AND CHAIN",
    "ROLLBACK",
    "SAVEPOINT x",
    "XA START 'x'",
    "LOCK TABLES customers READ",
    "UNLOCK TABLES",
    "BACKUP LOCK customers",
    "SELECT * FROM customers FOR UPDATE",
    "SELECT * FROM customers LIMIT 1 FOR UPDATE SKIP LOCKED",
    "SELECT * FROM (SELECT * FROM customers FOR UPDATE) t",
    "SELECT * FROM customers FOR/**/UPDATE",
    "SELECT * FROM customers LOCK IN SHARE MODE",
    "WITH some AS (SELECT * FROM customers LOCK IN SHARE MODE) SELECT * FROM some",
    "SELECT GET_LOCK('x', 1)",
    "SELECT `get_lock` ('x', 1)",
    "SELECT GET_LOCK/**/('x', 1)",
    "SELECT RELEASE_ALL_LOCKS()",
    "SELECT SLEEP(1000)",
    "SELECT BENCHMARK(1000000000, SHA2('x', 512))",
    "SELECT mariadb_schema.SLEEP(1000)",
    "SELECT `mariadb_schema` . GET_LOCK('x', 1)",
    "SELECT oracle_schema.BENCHMARK(1000000000, SHA2('x', 512))",
    "SELECT MASTER_GTID_WAIT('0-1-100', 1000)",
    "FLUSH TABLES",
    "FLUSH TABLES WITH READ LOCK",
    "RESET MASTER",
    "PURGE BINARY LOGS BEFORE NOW()",
    "CHANGE MASTER TO MASTER_HOST = 'x'",
    "KILL 1",
    "KILL QUERY 1",
    "SHUTDOWN",
    "INSTALL SONAME 'ha_connect'",
    "CREATE FUNCTION sys_exec RETURNS int SONAME 'lib.so'",
    "CREATE EVENT x ON SCHEDULE EVERY 1 SECOND DO DELETE FROM customers",
    "CREATE TRIGGER x BEFORE INSERT ON log FOR EACH ROW DELETE FROM customers",
    "GRANT ALL ON *.* TO w_hostile@localhost",
    "CREATE USER more",
    "ANALYZE DELETE FROM customers",
    "ANALYZE SELECT * FROM customers",
    "EXPLAIN DELETE FROM customers",
    "SHOW GRANTS",
    "USE mysql",
    "TABLE customers",
    "DELIMITER ;",
)
# Refused to a user that may only read.
MYSQL_REACHES = (
    "SELECT LOAD_FILE('/etc/passwd')",
    "SELECT `load_file`('/etc/passwd') AS x",
    "SELECT * FROM mysql.user",
    "SELECT * FROM mysql.global_priv",
    "SELECT Password FROM mysql.user",
    "SELECT * FROM private.words",
    "SELECT * FROM private.shown",
    "SELECT private.tell()",
    "SELECT private.tell() FROM private.words",
)
# They give what everybody may know, and nothing of others.
SHOWN_TO_ALL = (
    "SELECT * FROM information_schema.USER_PRIVILEGES",
    "SELECT ID, INFO FROM information_schema.PROCESSLIST",
    "SELECT * FROM information_schema.APPLICABLE_ROLES",
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'private'",
    "SELECT @@datadir, @@version",
    "SELECT 1 AS one UNION SELECT @x := 2",
)


@dataclass(frozen=True)
class Seal(Held):
    """With what else of the server may not have changed."""

    database: Database

    def state(self) -> tuple[list[dict[str, object]], list[str]]:
        found, files = super().state()
        for asked in (
            "SELECT COUNT(*) FROM log",
            "SELECT NEXT_NOT_CACHED_VALUE FROM numbers",
            f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{NAME}' ORDER BY 1",
            "SELECT User, Host, Priv FROM mysql.global_priv ORDER BY 1, 2",
            "SELECT @@GLOBAL.max_connections, @@GLOBAL.tx_read_only",
            "SELECT COUNT(*) FROM information_schema.EVENTS",
            "SELECT COUNT(*) FROM information_schema.TRIGGERS",
            "SELECT IS_USED_LOCK('x')",
        ):
            found += [{asked: row} for row in self.database.ask(asked)]
        return found, files


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with seals.database(request.config, NAME) as database:
        for statement in (
            "CREATE TABLE log (a int) ENGINE = MyISAM",
            "CREATE SEQUENCE numbers",
            FUNCTION.format("write_one", "INSERT INTO customers VALUES (0, 'x')"),
            FUNCTION.format("write_log", "INSERT INTO log VALUES (1)"),
            FUNCTION.format("flip", "SET SESSION tx_read_only = 0, max_statement_time = 0"),
            "CREATE PROCEDURE wall() BEGIN COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO log VALUES (7); END",
            "CREATE DATABASE private",
            "CREATE TABLE private.words AS SELECT 'secret' AS word",
            "CREATE SQL SECURITY INVOKER VIEW private.shown AS SELECT * FROM private.words",
            "CREATE FUNCTION private.tell() RETURNS text READS SQL DATA RETURN (SELECT MAX(word) FROM private.words)",
            f"GRANT EXECUTE ON `w\\_hostile`.* TO {NAME}@localhost",
            f"GRANT SELECT, INSERT ON {NAME}.numbers TO {NAME}@localhost",
        ):
            database.ask(statement)
        yield database
        database.ask("DROP DATABASE private")


@pytest.fixture
def reader(database: Database, tmp_path: Path) -> Seal:
    """The user that an admin is told to make, and somebody has granted it a little more."""
    tmp_path.chmod(0o777)
    return Seal(database.warehouse(), tmp_path, database)


def test_mysql_is_not_written_to(reader: Seal) -> None:
    assert len(set(MYSQL_WRITES)) >= 60
    refused(reader, MYSQL_WRITES)


def test_no_parser_of_ours_is_needed_for_that(reader: Seal) -> None:
    before = reader.state()
    for statement in MYSQL_WRITES:
        with pytest.raises(AudienceSqlError):
            read(reader, statement.format(folder=reader.folder))
    assert reader.state() == before


def read(reader: Seal, sql: str) -> None:
    with connector.open_stream(reader.database.location(), PASSWORD, Query(sql)) as stream:
        stream.start()
        list(stream)


def test_what_is_sent_in_brackets_in_its_session_writes_nothing_whatever_it_says(reader: Seal) -> None:
    before = reader.state()
    for statement in MYSQL_WRITES:
        if not WAITING.search(statement):
            with session.connect(reader.database.location(), PASSWORD, patience=10) as connection:
                session.begin(connection)
                with suppress(pymysql.Error):
                    text = session.literal(f"({statement.format(folder=reader.folder)}\n)")
                    session.ask(connection, f"SET @accelerator_sql = {text}")
                    session.ask(connection, "PREPARE accelerator FROM @accelerator_sql")
                    session.ask(connection, "EXECUTE accelerator")
    assert reader.state() == before


def test_a_user_that_may_only_read_reaches_nothing_else(reader: Seal) -> None:
    refused(reader, MYSQL_REACHES)


def test_what_everybody_may_see_tells_nothing_of_others(reader: Seal) -> None:
    for statement in SHOWN_TO_ALL:
        said = str(rows(reader.warehouse, statement))
        assert not any(word in said for word in ("root", "secret", "words", PASSWORD)), statement


def test_what_a_function_sets_does_not_open_the_transaction(reader: Seal) -> None:
    before = reader.state()
    assert rows(reader.warehouse, "SELECT flip() AS x") == [{"x": 1}]
    refusal(reader.warehouse, "SELECT flip() + write_log() AS x")
    refusal(reader.warehouse, "SELECT x + write_log() FROM (SELECT flip() AS x) t")
    assert reader.state() == before


def test_whoever_may_do_everything_is_not_let_in(database: Database) -> None:
    with pytest.raises(WarehouseUnsafe, match="may do everything"):
        rows(database.warehouse("root", ""), "SELECT 1 AS one")


def test_no_password_is_in_what_a_warehouse_refuses(reader: Seal) -> None:
    said = refusal(reader.warehouse, "SELECT * FROM nowhere")
    said += refusal(reader.warehouse, "SELECT CURRENT_USER() FROM nowhere")
    assert PASSWORD not in said
    assert "mysql://" not in said


def test_no_value_becomes_sql(reader: Seal) -> None:
    before = reader.state()
    for text in MYSQL_WRITES:
        with warehouses.open_stream(reader.warehouse, "SELECT {{ text }} AS text", {"text": text}) as stream:
            stream.start()
            assert [row for batch in stream for row in batch.to_pylist()] == [{"text": text}]
    assert reader.state() == before
