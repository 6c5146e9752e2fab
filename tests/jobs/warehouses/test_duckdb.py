"""DuckDB: values are bound, types keep their meaning, a folder of files is a warehouse, and memory has a bound."""

import datetime
import threading
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseUnreachable, apart

PEOPLE = "SELECT range AS id, 'p' || range || '@example.com' AS email FROM range({first}, {last})"


def rows(warehouse: Warehouse, sql: str, values: dict[str, Value] | None = None) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(f"CREATE TABLE people AS {PEOPLE.format(first=0, last=10)}")
    return Warehouse(name="duck", kind=Kind.DUCKDB, location=str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Parquet file, a CSV file, a folder of two Parquet files, and what is none of them."""
    place = tmp_path / "exports"
    (place / "orders" / "2026").mkdir(parents=True)
    with duckdb.connect() as database:
        database.execute(f"COPY ({PEOPLE.format(first=0, last=3)}) TO '{place}/people.parquet'")
        database.execute(f"COPY ({PEOPLE.format(first=3, last=5)}) TO '{place}/it''s late.csv'")
        database.execute(f"COPY ({PEOPLE.format(first=5, last=6)}) TO '{place}/orders/a.parquet'")
        database.execute(f"COPY ({PEOPLE.format(first=6, last=9)}) TO '{place}/orders/2026/b.parquet'")
    (place / "README.txt").write_text("hello")
    (place / ".hidden.csv").write_text("a\n1\n")
    return place


def files(place: Path) -> Warehouse:
    return Warehouse(name="files", kind=Kind.DUCKDB, location=str(place))


VALUES: tuple[Value, ...] = (
    "O'Brien'; DROP TABLE people; --",
    2**40,
    Decimal("12.50"),
    True,
    datetime.date(2026, 11, 24),
    datetime.datetime(2026, 11, 24, 10, 31, tzinfo=datetime.UTC),
)


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_value_comes_back_as_what_it_was(duck: Warehouse, value: Value) -> None:
    [row] = rows(duck, "SELECT {{ it }} AS it, {{it}} IS NULL AS empty", {"it": value, "unused": 1})
    assert row == {"it": value, "empty": False}
    assert type(row["it"]) is type(value)
    assert len(rows(duck, "SELECT id FROM people")) == 10


def test_a_variable_without_a_value_is_asked_for(duck: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="nobody has said what it stands for"):
        rows(duck, "SELECT {{ it }}", {})


def test_types_keep_their_meaning(duck: Warehouse) -> None:
    sql = """SELECT 1.10::decimal(9,2) AS price, DATE '2026-11-24' AS day, true AS member, NULL::int AS nothing,
    {'a': [1, 2]} AS nested, MAP {'k': 1} AS pairs, TIMESTAMPTZ '2026-11-24 10:31:00+00' AS at,
    [TIMESTAMP_NS '2026-11-24 10:31:08.123456789'] AS finely, 'x'::blob AS bytes"""
    preview = warehouses.preview(duck, sql)
    [row] = preview.rows
    assert str(row["price"]) == "1.10"
    assert row["day"] == "2026-11-24"
    assert row["member"] is True
    assert row["nothing"] is None
    assert row["nested"] == {"a": [1, 2]}
    assert row["pairs"] == {"k": 1}
    assert "2026-11-24" in str(row["at"])
    assert row["finely"] == ["2026-11-24 10:31:08"]


def test_a_folder_of_files_is_a_warehouse(folder: Path) -> None:
    warehouse = files(folder)
    assert [row["id"] for row in rows(warehouse, "SELECT id FROM people ORDER BY id")] == [0, 1, 2]
    assert [row["id"] for row in rows(warehouse, 'SELECT id FROM "it\'s late" ORDER BY id')] == [3, 4]
    assert [row["id"] for row in rows(warehouse, "SELECT id FROM orders ORDER BY id")] == [5, 6, 7, 8]
    assert warehouses.count(warehouse, "FROM orders WHERE id >= {{ least }}", {"least": 7}) == 2
    assert warehouses.examine(warehouse) == []


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    (folder / "linked.csv").symlink_to(outside)
    with pytest.raises(AudienceSqlError, match="linked"):
        rows(files(folder), "SELECT * FROM linked")


def test_two_things_of_one_name_are_refused(folder: Path) -> None:
    (folder / "People.csv").write_text("a\n1\n")
    with pytest.raises(WarehouseUnreachable, match='called "'):
        rows(files(folder), "SELECT 1 AS one")


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(WarehouseUnreachable, match="no Parquet or CSV file"):
        warehouses.check(files(tmp_path))


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    place = tmp_path / "notes.duckdb"
    place.write_text("hello, this is text and nothing else")
    with pytest.raises(WarehouseUnreachable, match="can't be opened"):
        warehouses.check(files(place))


def test_what_does_not_fit_into_memory_lies_on_disk_and_goes_with_the_query(
    duck: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DUCKDB_MEMORY = "64MB"
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setenv("TMPDIR", str(aside))
    monkeypatch.setattr("tempfile.tempdir", None)
    seen = False
    sql = "SELECT range AS id, md5(range::text) AS text FROM range(2000000) ORDER BY text"
    with warehouses.open_stream(duck, sql) as stream:
        stream.start()
        for batch in stream:
            seen = seen or any(list(folder.iterdir()) for folder in aside.iterdir())
            assert batch.num_rows
    assert seen
    assert list(aside.iterdir()) == []


def test_what_fits_nowhere_says_which_limit(duck: Warehouse, settings: Settings) -> None:
    settings.DUCKDB_MEMORY = "16MB"
    with pytest.raises(AudienceSqlError, match="DUCKDB_MEMORY"):
        rows(duck, "SELECT list(range::text || repeat('x', 100)) AS everything FROM range(1000000)")


def test_a_cancel_from_another_thread_ends_it_soon(duck: Warehouse) -> None:
    with warehouses.open_stream(
        duck, "SELECT count(*) AS n FROM range(1000000000000) WHERE range % 7 = 3"
    ) as stream:
        ender = threading.Timer(0.3, stream.cancel)
        ender.start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            stream.start()
        ender.join()
    assert time.monotonic() - began < 5


def test_json_is_what_it_says_and_text_is_text(duck: Warehouse) -> None:
    sql = (
        """SELECT '{"tier": 2, "tags": ["a"]}'::json AS extra, '{"tier": 2}' AS text, NULL::json AS nothing"""
    )
    preview = warehouses.preview(duck, sql)
    assert preview.rows == [{"extra": {"tier": 2, "tags": ["a"]}, "text": '{"tier": 2}', "nothing": None}]
    assert preview.columns["extra"] == "json"


def test_a_query_that_takes_too_long_is_ended_from_here(
    duck: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "LATE", 0.0)
    settings.WAREHOUSE_TIMEOUT = 1
    with pytest.raises(AudienceSqlError, match="WAREHOUSE_TIMEOUT"):
        rows(duck, "SELECT count(*) AS n FROM range(1000000000000) WHERE range % 7 = 3")
