"""MySQL as a Warehouse, on a MariaDB server: what comes, what is bound, and how it ends."""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.reading.base import Query
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable
from jobs.warehouses.mysql import connector, session
from tests.jobs.warehouses.mysql import seals
from tests.jobs.warehouses.mysql.seals import PASSWORD, ROWS, Database
from tests.security.held import refusal, rows

# A thousand million rows, one by one; and as many that are counted.
ENDLESS = "SELECT a.id, b.email FROM customers a JOIN customers b JOIN customers c"
THINKING = (
    "SELECT SUM(CRC32(CONCAT(a.email, b.email, c.email))) AS x FROM customers a, customers b, customers c"
)


@pytest.fixture(scope="module")
def seal(request: pytest.FixtureRequest) -> Iterator[Database]:
    with seals.database(request.config, "w_mysql") as database:
        yield database


def bound(seal: Database, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(seal.warehouse(), sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in batch.to_pylist()]


def eventually(happens: Callable[[], bool], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_streams_what_a_select_gives(seal: Database) -> None:
    found = rows(seal.warehouse(), "SELECT id, email FROM customers ORDER BY id")
    assert found == [{"id": n, "email": f"c{n}@example.com"} for n in range(1, ROWS + 1)]


def test_it_streams_nothing_but_the_columns_of_a_select_without_rows(seal: Database) -> None:
    with warehouses.open_stream(seal.warehouse(), "SELECT id, email FROM customers WHERE id < 0") as stream:
        assert stream.start().names == ["id", "email"]
        assert list(stream) == []


def test_it_streams_many_batches(seal: Database) -> None:
    with warehouses.open_stream(
        seal.warehouse(), "SELECT a.id * 1000 + b.id AS n, b.email FROM customers a JOIN customers b"
    ) as stream:
        stream.start()
        batches = list(stream)
    assert len(batches) > 5
    assert max(batch.nbytes for batch in batches) < 8 << 20
    numbers = [n for batch in batches for n in batch.column(0).to_pylist()]
    assert sorted(numbers) == [a * 1000 + b for a in range(1, ROWS + 1) for b in range(1, ROWS + 1)]


def test_it_counts_previews_and_names_columns(seal: Database) -> None:
    sql = "SELECT id, email FROM customers ORDER BY id; -- all of them"
    assert warehouses.count(seal.warehouse(), sql) == ROWS
    assert warehouses.columns(seal.warehouse(), sql) == {"id": "whole number", "email": "text"}
    assert warehouses.preview(seal.warehouse(), sql).rows[4] == {"id": 5, "email": "c5@example.com"}


@pytest.mark.parametrize(
    "sql",
    [
        "WITH some AS (SELECT id FROM customers) SELECT id FROM some WHERE id = 1",
        "# a remark\n /* another */ WITH some AS (SELECT 1 AS id) SELECT id FROM some",
        "(SELECT id FROM customers WHERE id = 1)",
        "(SELECT id FROM customers WHERE id = 1) UNION (SELECT 1)",
        "SELECT id FROM customers WHERE id = 1 UNION SELECT 1 ORDER BY 1 LIMIT 3",
        "select id from customers -- where\nwhere id = 1 # the first",
        "SELECT id FROM customers WHERE email = 'c1@example.com' AND 'INTO ; FOR UPDATE' <> \"SLEEP(1)\"",
    ],
)
def test_it_takes_a_select_however_it_is_written(seal: Database, sql: str) -> None:
    assert rows(seal.warehouse(), sql) == [{"id": 1}]


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT a.id, b.id FROM customers a JOIN customers b", "id"),
        ("SELECT a.*, b.email FROM customers a JOIN customers b", "email"),
        ("SELECT 1 AS `it's`, 2 AS `it's`", "it's"),
        ("SELECT 1 AS id, 2 AS ID", "ID"),
    ],
)
def test_two_columns_called_alike_are_named_as_the_form_names_them(
    seal: Database, sql: str, name: str
) -> None:
    """Where the server would be asked about the SQL in brackets, which it does not take then."""
    for look in (warehouses.columns, warehouses.count):
        with pytest.raises(AudienceSqlError) as refusal:
            look(seal.warehouse(), sql)
        assert str(refusal.value) == f'The SQL selects "{name}" twice; give one of them another name.'


@pytest.fixture(scope="module")
def far(seal: Database) -> Iterator[Database]:
    """Whose reader may come over TCP."""
    account = f"{seal.name}@'127.0.0.1'"
    seal.ask(f"CREATE USER {account} IDENTIFIED BY '{PASSWORD}'")
    seal.ask(f"GRANT SELECT ON {seal.name}.* TO {account}")
    yield seal
    seal.ask(f"DROP USER {account}")


ENCRYPTED = "SELECT VARIABLE_VALUE <> '' AS x FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"


@pytest.mark.parametrize(
    ("host", "options", "encrypted"),
    [
        ("127.0.0.1", "", 1),
        ("127.0.0.1", "?ssl_mode=DISABLED", 0),
        ("127.0.0.1", "?ssl_mode=REQUIRED", 1),
        ("127.0.0.1", "?ssl_mode=VERIFY_CA&ssl_ca={}", 1),
        ("localhost", "?ssl_ca={}", 1),
    ],
)
def test_it_reads_over_tcp_encrypted_or_not(far: Database, host: str, options: str, encrypted: int) -> None:
    where = f"mariadb://{far.name}@{host}:{far.server.port}/{far.name}" + options.format(
        far.server.certificate
    )
    warehouse = far.warehouse(location=where)
    assert rows(warehouse, ENCRYPTED) == [{"x": encrypted}]
    found = rows(warehouse, "SELECT a.id, b.email FROM customers a JOIN customers b WHERE b.id < 100")
    assert len(found) == ROWS * 99


@pytest.mark.parametrize("options", ["?ssl_mode=VERIFY_IDENTITY", "?ssl_ca={}"])
def test_a_server_that_does_not_prove_itself_gets_no_password(far: Database, options: str) -> None:
    where = f"mysql://{far.name}@127.0.0.1:{far.server.port}/{far.name}" + options.format(
        far.server.certificate
    )
    with pytest.raises(WarehouseUnreachable, match="certificate"):
        warehouses.check(far.warehouse(location=where))


HOSTILE = [
    "'",
    "\\",
    "\\'; DROP TABLE customers; -- ",
    "é😀\u202e",
    "",
    "?",
    "{{ b }}",
    "@accelerator_0",
    "a\0b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_it_binds_any_text_as_it_is(seal: Database, text: str) -> None:
    assert bound(seal, "SELECT {{ a }} AS a, {{ a }} AS again", a=text) == [{"a": text, "again": text}]


def test_it_binds_numbers_times_and_booleans_as_what_they_are(seal: Database) -> None:
    noon = datetime.datetime(2026, 3, 4, 12, 0, 0, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    values: dict[str, Value] = {
        "i": -5,
        "big": 10**30,
        "d": Decimal("-12.500"),
        "large": Decimal("1E+5"),
        "small": Decimal("0.001"),
        "yes": True,
        "day": datetime.date(2026, 3, 4),
        "noon": noon,
    }
    [found] = bound(seal, "SELECT " + ", ".join(f"{{{{ {name} }}}} AS `{name}`" for name in values), **values)
    utc = datetime.datetime(2026, 3, 4, 10, 0, 0, 5)
    assert found == values | {"yes": 1, "noon": utc, "big": Decimal(10**30)}
    assert str(found["d"]) == "-12.500"


def test_it_compares_a_bound_text_with_a_column_of_another_collation(seal: Database) -> None:
    seal.ask(
        "CREATE TABLE swedish (word varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci) AS SELECT 'Å' AS word"
    )
    assert bound(seal, "SELECT word FROM swedish WHERE word = {{ w }}", w="å") == [{"word": "Å"}]


def test_it_binds_where_only_a_number_may_stand(seal: Database) -> None:
    found = bound(seal, "SELECT id FROM customers WHERE id > {{ n }} ORDER BY id LIMIT {{ n }}", n=2)
    assert found == [{"id": 3}, {"id": 4}]


def test_it_looks_for_no_variable_in_comments_and_refuses_one_in_quotes(seal: Database) -> None:
    sql = "SELECT {{ a }} AS a # {{ b }} isn't one\n, 5--{{ a }} AS b -- nor {{ c }}\n"
    assert bound(seal, sql, a=1) == [{"a": 1, "b": 6}]
    for quoted in ("'{{ a }}'", '"\\"{{ a }}"', "'\\'{{ a }}'"):
        with pytest.raises(AudienceSqlError, match="between quotes"):
            bound(seal, f"SELECT {quoted} AS a", a=1)


def test_it_refuses_a_question_mark_of_somebody_elses(seal: Database) -> None:
    assert "{{ name }}" in refusal(seal.warehouse(), "SELECT id FROM customers WHERE id = ?")


def test_it_refuses_numbers_that_no_mysql_has(seal: Database) -> None:
    for number in (Decimal("NaN"), Decimal("Infinity"), Decimal(1) / Decimal(3) * Decimal("1e-20"), 10**70):
        with pytest.raises(AudienceSqlError, match="no number that MySQL has"):
            bound(seal, "SELECT {{ n }} AS n", n=number)


def test_it_says_what_the_server_says_with_the_line_that_it_means(seal: Database) -> None:
    assert "w_mysql.nowhere' doesn't exist" in refusal(seal.warehouse(), "SELECT * FROM nowhere")
    assert "near 'WERE id = 1" in refusal(seal.warehouse(), "SELECT id\nFROM customers x WERE id = 1")
    said = refusal(seal.warehouse(), "-- why\nWITH a AS (SELECT 1)\nSELECT * FRM a")
    assert said.endswith("at line 3")
    assert not any(character in said for character in "()[]")


@pytest.mark.parametrize("sql", [THINKING, ENDLESS])
def test_a_cancel_ends_the_query_at_the_server(seal: Database, sql: str) -> None:
    with warehouses.open_stream(seal.warehouse(), sql) as stream:
        threading.Timer(0.5, stream.cancel).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            read(stream)
        assert time.monotonic() - began < 5
        eventually(lambda: seal.sessions(active=True) == 0)
    eventually(lambda: seal.sessions() == 0)


def read(stream: warehouses.Stream) -> None:
    stream.start()
    for _ in stream:
        pass


def test_a_cancel_before_the_start_is_not_forgotten(seal: Database) -> None:
    with connector.open_stream(seal.location(), PASSWORD, Query(THINKING)) as stream:
        stream.cancel()
        with pytest.raises(Cancelled):
            stream.start()


def test_a_cancel_ends_waiting_for_a_table_that_somebody_loads(seal: Database) -> None:
    seal.ask("LOCK TABLES customers WRITE")
    try:
        with warehouses.open_stream(seal.warehouse(), "SELECT id FROM customers") as stream:
            threading.Timer(0.5, stream.cancel).start()
            with pytest.raises(Cancelled):
                stream.start()
        eventually(lambda: seal.sessions() == 0)
    finally:
        seal.ask("UNLOCK TABLES")


def test_who_is_let_in_may_think_for_longer_than_the_way_in_takes(
    seal: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PATIENCE", 1)
    connection = session.connect(seal.location(), PASSWORD)
    try:
        assert session.ask(connection, "SELECT SLEEP(1.5)") == ((0,),)
    finally:
        connection.close()


def test_a_stream_that_is_left_half_way_leaves_nothing_behind(seal: Database) -> None:
    began = time.monotonic()
    with warehouses.open_stream(seal.warehouse(), ENDLESS) as stream:
        stream.start()
        next(iter(stream))
    assert time.monotonic() - began < 5
    eventually(lambda: seal.sessions() == 0)


def test_a_server_that_thinks_is_working_and_one_that_waits_for_us_is_not(seal: Database) -> None:
    with connector.open_stream(seal.location(), PASSWORD, Query(ENDLESS)) as stream:
        assert not stream.working()
        stream.start()
        eventually(lambda: not stream.working())
    with connector.open_stream(seal.location(), PASSWORD, Query(THINKING)) as stream:
        thinker = threading.Thread(target=ended, args=[stream])
        thinker.start()
        eventually(stream.working)
        stream.cancel()
        thinker.join()
        eventually(lambda: not stream.working())


def ended(stream: connector.Stream) -> None:
    with pytest.raises(Cancelled):
        stream.start()


def test_rows_that_come_slowly_are_shown_before_the_last_one(seal: Database) -> None:
    # The server sends a row when the next ones fill its buffer; the third takes longer than anybody waits here.
    seal.ask("CREATE TABLE slow (id int) AS SELECT 1 AS id UNION SELECT 2 UNION SELECT 3")
    thinking = THINKING.replace("c.email)", "c.email, o.id)")
    sql = (
        f"SELECT o.id, REPEAT('x', 30000 * (o.id - 1)) AS pad, IF(o.id < 3, 0, ({thinking})) AS x FROM slow o"
    )
    with warehouses.open_stream(seal.warehouse(), sql) as stream:
        stream.start()
        assert next(iter(stream)).to_pylist() == [{"id": 1, "pad": "", "x": 0}]


def test_somebody_at_the_server_may_end_the_query_or_the_line(seal: Database) -> None:
    for kill, said in (
        ("KILL QUERY", "Somebody at the warehouse ended"),
        ("KILL", "line to the warehouse broke"),
    ):
        with connector.open_stream(seal.location(), PASSWORD, Query(ENDLESS)) as stream:
            stream.start()
            [(number,)] = seal.ask("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'w_mysql'")
            seal.ask(f"{kill} {number}")
            with pytest.raises(WarehouseUnreachable, match=said):
                for _ in stream:
                    pass


def test_a_query_may_not_take_longer_than_the_setting(seal: Database, settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 1
    with pytest.raises(AudienceSqlError, match="takes longer than"):
        rows(seal.warehouse(), THINKING)


def test_an_error_after_the_first_rows_is_one(seal: Database) -> None:
    sql = "SELECT id, IF(id < 900, 1, (SELECT 1 UNION SELECT a.id FROM customers a)) AS x FROM customers ORDER BY id"
    assert "more than 1 row" in refusal(seal.warehouse(), sql)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("mysql://w_mysql@127.0.0.1:1/w_mysql", "can't be reached"),
        ("mysql://w_mysql:word@127.0.0.1/w_mysql", "holds a password"),
        ("mysql://127.0.0.1/w_mysql", "must name a user"),
        ("mysql://w_mysql@127.0.0.1:port/w_mysql", "must look like"),
        ("postgres://w_mysql@127.0.0.1/w_mysql", "must look like mysql://"),
        ("mysql://w_mysql@127.0.0.1/w_mysql?local_infile=1", '"local_infile", which is not known'),
        ("mysql://w_mysql@127.0.0.1/w_mysql?ssl_mode=maybe", "ssl_mode must be one of"),
        ("mysql://w_mysql@127.0.0.1/w_mysql?ssl_ca=/nowhere", "certificates"),
    ],
)
def test_it_says_what_is_wrong_with_a_location(seal: Database, location: str, said: str) -> None:
    with pytest.raises(WarehouseUnreachable, match=said) as caught:
        warehouses.check(seal.warehouse(location=location))
    assert PASSWORD not in str(caught.value)


def test_it_says_that_nobody_is_let_in(seal: Database) -> None:
    for user, password in (("w_mysql", "wrong-wörd-€"), ("nobody", PASSWORD)):
        with pytest.raises(WarehouseUnreachable, match="Access denied") as caught:
            warehouses.check(seal.warehouse(user, password))
        assert password not in str(caught.value)


def test_a_line_that_anybody_could_sit_on_is_warned_about(seal: Database) -> None:
    far = "mysql://reader@db.example.com/shop"
    for unproved in ("", "?ssl_mode=REQUIRED", "?ssl_mode=DISABLED"):
        [said] = session.warnings(far + unproved)
        assert "ssl_mode=VERIFY_IDENTITY" in said
    for location in (
        far + "?ssl_mode=VERIFY_IDENTITY",
        far + "?ssl_mode=verify_ca",
        "mysql://r@localhost/w",
        seal.location(),
    ):
        assert session.warnings(location) == []
