"""SQLite: types keep their meaning where any row may hold any type, values are bound, and a query ends when asked."""

import datetime
import json
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading import children
from jobs.reading.base import Limits, Query
from jobs.reading.sqlite import connector
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable

TABLE = """CREATE TABLE people (
    id INTEGER PRIMARY KEY, email TEXT, member BOOLEAN, joined DATE, balance DECIMAL(10, 2), ratio REAL,
    extra JSON, photo BLOB, mixed
)"""
SLOW = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) AS n FROM t"


def rows(warehouse: Warehouse, sql: str, values: dict[str, Value] | None = None) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def at(path: Path) -> Warehouse:
    return Warehouse(name="light", kind=Kind.SQLITE, location=str(path))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    # A name with what a URI would read as something else.
    with closing(
        sqlite3.connect(tmp_path / "the shop?mode=rwc#1 %41.sqlite", isolation_level=None)
    ) as opened:
        opened.execute(TABLE)
        yield opened


@pytest.fixture
def light(database: sqlite3.Connection) -> Warehouse:
    [(_, _, path)] = database.execute("PRAGMA database_list").fetchall()
    return at(Path(path))


def test_types_keep_their_meaning(light: Warehouse, database: sqlite3.Connection) -> None:
    extra = json.dumps({"a": [1, None]})
    row = (1, "zoë@example.com", 1, "2026-11-24", "12.50", 2, extra, b"\x00\xff", None)
    database.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.execute("INSERT INTO people (id) VALUES (?)", (2**63 - 1,))
    first, second = rows(light, "SELECT * FROM people ORDER BY id")
    assert first == {
        "id": 1,
        "email": "zoë@example.com",
        "member": True,
        "joined": "2026-11-24",
        "balance": 12.5,
        "ratio": 2.0,
        "extra": {"a": [1, None]},
        "photo": b"\x00\xff",
        "mixed": None,
    }
    assert first["member"] is True
    assert second["id"] == 2**63 - 1
    assert set(second.values()) == {2**63 - 1, None}


def test_an_integer_beyond_53_bits_is_exact(light: Warehouse) -> None:
    assert rows(light, "SELECT 9007199254740993 AS n") == [{"n": 2**53 + 1}]


def test_a_column_of_two_types_says_what_to_write(light: Warehouse, database: sqlite3.Connection) -> None:
    database.executemany("INSERT INTO people (id, mixed) VALUES (?, ?)", [(1, 7), (2, "seven")])
    with pytest.raises(AudienceSqlError, match=r'"mixed" holds text in row 2 .* CAST\("mixed" AS TEXT\)'):
        rows(light, "SELECT mixed FROM people ORDER BY id")
    mended = 'SELECT CAST("mixed" AS TEXT) AS mixed FROM people ORDER BY id'
    assert [row["mixed"] for row in rows(light, mended)] == ["7", "seven"]


def test_another_type_long_after_the_first_rows_is_no_surprise(light: Warehouse) -> None:
    sql = """WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9000)
    SELECT CASE WHEN n = 8765 THEN 'x' ELSE n END AS n FROM t"""
    with pytest.raises(AudienceSqlError, match="in row 8,765"):
        rows(light, sql)


def test_a_boolean_that_is_none_says_so(light: Warehouse, database: sqlite3.Connection) -> None:
    database.execute("BEGIN")  # one commit for all
    database.executemany("INSERT INTO people (id, member) VALUES (?, ?)", [(n, n % 2) for n in range(3000)])
    database.execute("COMMIT")
    database.execute("INSERT INTO people (id, member) VALUES (3000, 2)")
    with pytest.raises(AudienceSqlError, match=r'"member" .* in row 3,001 and 0 or 1'):
        rows(light, "SELECT member FROM people ORDER BY id")


def test_text_that_is_no_utf_8_names_its_column_and_not_its_value(light: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="not UTF-8") as caught:
        rows(light, "SELECT CAST(x'736563726574ff' AS TEXT) AS name")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("O'Brien'; DROP TABLE people; --", "O'Brien'; DROP TABLE people; --"),
        (2**53 + 1, 2**53 + 1),
        (Decimal("12.50"), 12.5),
        (Decimal(12), 12),
        (True, 1),
        (datetime.date(2026, 11, 24), "2026-11-24"),
        (
            datetime.datetime(2026, 11, 24, 1, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            "2026-11-23 23:30:00",
        ),
    ],
    ids=str,
)
def test_a_value_is_bound_as_sqlite_compares_it(light: Warehouse, value: Value, found: object) -> None:
    [row] = rows(light, "SELECT {{ it }} AS it", {"it": value, "unused": 1})
    assert row == {"it": found}
    assert type(row["it"]) is type(found)
    assert rows(light, "SELECT id FROM people") == []


def test_a_value_that_is_too_large_says_which(light: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match=r"\{\{ it \}\} is a larger number"):
        rows(light, "SELECT {{ it }} AS it", {"it": 2**63})


def test_preview_columns_and_count_are_as_with_any_other(
    light: Warehouse, database: sqlite3.Connection
) -> None:
    database.executemany("INSERT INTO people (id, member) VALUES (?, 1)", [(n,) for n in range(7)])
    sql = "SELECT id, member FROM people WHERE id >= {{ least }};"
    assert warehouses.preview(light, sql, {"least": 3}, limit=2).rows == [
        {"id": 3, "member": True},
        {"id": 4, "member": True},
    ]
    assert warehouses.count(light, sql, {"least": 3}) == 4
    assert warehouses.columns(light, sql, {"least": 3})["id"] == "whole number"
    assert warehouses.examine(light) == []


def test_many_rows_come_in_batches_and_none_is_lost(light: Warehouse) -> None:
    sql = f"""WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 30000)
    SELECT n, '{"x" * 300}' AS text FROM t"""
    with warehouses.open_stream(light, sql) as stream:
        stream.start()
        batches = list(stream)
    assert len(batches) > 1
    assert max(batch.nbytes for batch in batches) < 8 << 20
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(1, 30_001))


def test_a_cancel_from_another_thread_ends_it_within_a_second(light: Warehouse) -> None:
    with warehouses.open_stream(light, SLOW) as stream:
        cancelled: list[float] = []

        def end() -> None:
            cancelled.append(time.monotonic())
            stream.cancel()

        ender = threading.Timer(0.3, end)
        ender.start()
        with pytest.raises(Cancelled):
            stream.start()
        ender.join()
    assert time.monotonic() - cancelled[0] < 1


def test_a_cancel_before_it_begins_is_not_forgotten(light: Warehouse) -> None:
    with warehouses.open_stream(light, SLOW) as stream:
        stream.cancel()
        with pytest.raises(Cancelled):
            stream.start()


def test_what_is_in_the_wal_is_read_while_somebody_writes(
    light: Warehouse, database: sqlite3.Connection
) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("INSERT INTO people (id) VALUES (1)")
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO people (id) VALUES (2)")
    assert rows(light, "SELECT id FROM people") == [{"id": 1}]
    database.execute("COMMIT")
    assert rows(light, "SELECT count(*) AS n FROM people") == [{"n": 2}]


def rows_read_here(place: Path) -> list[dict[str, object]]:
    """By this process, whoever it is."""
    query = Query("SELECT id FROM people")
    with connector.open_stream(str(place), query, Limits("96MB", 1 << 30)) as stream:
        stream.start()
        return [row for batch in stream for row in batch.to_pylist()]


@contextmanager
def a_stranger(database: Path) -> Iterator[None]:
    """Who may read the file and not write it, though he may write in its folder."""
    database.chmod(0o444)
    try:
        if os.geteuid() == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(os.getuid())


def test_a_reader_makes_no_files_that_would_keep_the_writers_out() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, place = Path(name), Path(name) / "shop.sqlite"
        folder.chmod(0o777)
        with closing(sqlite3.connect(place, isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("CREATE TABLE people (id)")
            writer.execute("INSERT INTO people VALUES (1)")
            with a_stranger(place):
                assert rows_read_here(place) == [{"id": 1}]
        assert [file.name for file in folder.iterdir()] == ["shop.sqlite"]
        link = folder / "linked.sqlite"
        link.symlink_to(place)
        for way in (place, link):
            with a_stranger(place), pytest.raises(WarehouseUnreachable, match=r"shop\.sqlite is in WAL mode"):
                rows_read_here(way)
        assert sorted(file.name for file in folder.iterdir()) == ["linked.sqlite", "shop.sqlite"]
        place.chmod(0o644)
        assert rows(at(place), "SELECT id FROM people") == [{"id": 1}]


def test_a_missing_file_says_so_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WarehouseUnreachable, match=r"absent\.sqlite does not exist"):
        warehouses.check(at(tmp_path / "absent.sqlite"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    place = tmp_path / "notes.sqlite"
    place.write_text("hello, this is text and nothing else " * 50)
    with pytest.raises(WarehouseUnreachable, match="can't be opened: file is not a database"):
        warehouses.check(at(place))


def opened(warehouse: Warehouse) -> list[str]:
    """What of the warehouse is open in this process, or in the one that reads it."""
    [reader] = children.pids()
    places = [
        str(link.readlink())
        for process in ("self", reader)
        for link in Path(f"/proc/{process}/fd").iterdir()
        if link.exists()
    ]
    return [place for place in places if place == warehouse.location]


@pytest.mark.parametrize(
    "sql", ["SELECT CAST(x'736563726574ff' AS TEXT) AS name", "SELECT nothing", "SELECT id FROM people"]
)
def test_whichever_way_it_ends_the_file_is_closed(
    light: Warehouse, database: sqlite3.Connection, sql: str
) -> None:
    database.execute("INSERT INTO people (id) VALUES (1)")
    database.close()
    with warehouses.open_stream(light, sql) as stream:
        try:
            stream.start()
        except AudienceSqlError as error:
            caught = error  # with the traceback, and all that it holds
            assert caught
    assert opened(light) == []


def test_a_row_of_many_long_values_ends_in_a_sentence(light: Warehouse) -> None:
    sql = f"SELECT {', '.join(f'zeroblob(16000000) AS c{n}' for n in range(130))}"
    with pytest.raises(AudienceSqlError, match="a row of it is too long"):
        rows(light, sql)
    assert len(rows(light, "SELECT zeroblob(16000000) AS one")) == 1


def test_long_rows_after_short_ones_come_a_few_at_a_time(light: Warehouse) -> None:
    sql = """WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 2400)
    SELECT n, zeroblob(CASE WHEN n > 2300 THEN 1000000 ELSE 1 END) AS photo FROM t"""
    with warehouses.open_stream(light, sql) as stream:
        stream.start()
        batches = list(stream)
    assert max(batch.nbytes for batch in batches) < 8 << 20
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(1, 2401))


def test_what_needs_too_much_of_the_disk_ends_in_a_sentence(light: Warehouse, settings: Settings) -> None:
    settings.WAREHOUSE_TEMPORARY_BYTES = 20_000_000
    sql = """WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5000)
    SELECT a.n AS a, hex(a.n * b.n) || printf('%0200d', b.n) AS text FROM t a, t b ORDER BY text"""
    with pytest.raises(AudienceSqlError, match="WAREHOUSE_TEMPORARY_BYTES"):
        rows(light, sql)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("'a' || char(0) || 'b'", "a\x00b"),
        ("'\U0001f984 \u05e9\u05dc\u05d5\u05dd'", "\U0001f984 \u05e9\u05dc\u05d5\u05dd"),
        ("printf('%.*c', 1000000, 'x')", "x" * 1_000_000),
    ],
    ids=["NUL", "emoji and right-to-left", "1 MB"],
)
def test_text_arrives_as_what_it_is(light: Warehouse, value: str, found: str) -> None:
    assert rows(light, f"SELECT {value} AS it") == [{"it": found}]
