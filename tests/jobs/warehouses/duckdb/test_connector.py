"""DuckDB: values are bound, types keep their meaning, a folder of files is a warehouse, and memory has a bound."""

import datetime
import gzip
import threading
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading import children
from jobs.reading.base import Limits, Query
from jobs.reading.duckdb import connector
from jobs.warehouses import AudienceSqlError, Cancelled, Value, WarehouseError, WarehouseUnreachable

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
    assert row["price"] == {"$numberDecimal": "1.10"}
    assert row["day"] == "2026-11-24"
    assert row["member"] is True
    assert row["nothing"] is None
    assert row["nested"] == {"a": [1, 2]}
    assert row["pairs"] == {"k": 1}
    assert "2026-11-24" in str(row["at"])
    assert row["finely"] == ["2026-11-24 10:31:08.123456"]


def test_single_precision_is_written_as_it_was(duck: Warehouse) -> None:
    sql = """SELECT 19.99::float AS price, [0.1::float, NULL] AS several, {'a': 0.1::float} AS inside,
    MAP {'k': 0.1::float} AS pairs, [0.1, 0.2]::float[2] AS both, 'infinity'::float AS never"""
    [row] = warehouses.preview(duck, sql).rows
    assert row == {
        "price": 19.99,
        "several": [0.1, None],
        "inside": {"a": 0.1},
        "pairs": {"k": 0.1},
        "both": [0.1, 0.2],
        "never": float("inf"),
    }


def test_a_folder_of_files_is_a_warehouse(folder: Path) -> None:
    warehouse = files(folder)
    assert [row["id"] for row in rows(warehouse, "SELECT id FROM people ORDER BY id")] == [0, 1, 2]
    assert [row["id"] for row in rows(warehouse, 'SELECT id FROM "it\'s late" ORDER BY id')] == [3, 4]
    assert [row["id"] for row in rows(warehouse, "SELECT id FROM orders ORDER BY id")] == [5, 6, 7, 8]
    assert warehouses.count(warehouse, "FROM orders WHERE id >= {{ least }}", {"least": 7}) == 2
    assert warehouses.examine(warehouse) == []


def test_a_folder_of_csv_files_is_one_table(folder: Path) -> None:
    (folder / "visits" / "2026").mkdir(parents=True)
    (folder / "visits" / "a.csv").write_text("id,page\n1,home\n")
    (folder / "visits" / "2026" / "B.TSV").write_text("id\tpage\n2\tshop\n")
    (folder / "visits" / "2026" / "c.csv.gz").write_bytes(gzip.compress(b"id,page\n3,help\n"))
    (folder / "visits" / "notes.txt").write_text("id,page\n4,none\n")
    (folder / "visits" / ".hidden.csv").write_text("id,page\n5,none\n")
    found = rows(files(folder), "SELECT id, page FROM visits ORDER BY id")
    assert found == [{"id": 1, "page": "home"}, {"id": 2, "page": "shop"}, {"id": 3, "page": "help"}]
    with pytest.raises(AudienceSqlError):
        rows(files(folder), f"SELECT * FROM read_text('{folder}/visits/notes.txt')")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("more.tsv", b"id\tname\n1\tZo\xc3\xab\n"),
        ("more.csv.gz", gzip.compress(b"id,name\n1,Zo\xc3\xab\n", mtime=0)),
        ("More.TSV.GZ", gzip.compress(b"id\tname\n1\tZo\xc3\xab\n", mtime=0)),
    ],
)
def test_each_way_to_write_a_csv_file_is_a_view_of_its_name(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert rows(files(folder), "SELECT id, name FROM more") == [{"id": 1, "name": "Zoë"}]


def test_of_a_folder_with_parquet_files_these_are_read(folder: Path) -> None:
    (folder / "orders" / "list.csv").write_text("file\na.parquet\n")
    assert len(rows(files(folder), "SELECT id FROM orders")) == 4


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
    children.end_all()
    seen = False
    sql = "SELECT range AS id, md5(range::text) AS text FROM range(2000000) ORDER BY text"
    with warehouses.open_stream(duck, sql) as stream:
        stream.start()
        for batch in stream:
            seen = seen or any(file.is_file() for file in aside.rglob("*"))
            assert batch.num_rows
    assert seen
    assert not [file for file in aside.rglob("*") if file.is_file()]
    children.end_all()
    assert list(aside.iterdir()) == []


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """It takes seconds to make, and is only read."""
    place = tmp_path_factory.mktemp("wide") / "wide.duckdb"
    with duckdb.connect(str(place)) as database:
        database.execute(
            "CREATE TABLE wide AS SELECT md5(range::text) AS sorted, repeat(sorted, 9) AS text FROM range(600000)"
        )
    return Warehouse(name="wide", kind=Kind.DUCKDB, location=str(place))


@pytest.mark.parametrize("limit", ["72MB", "96MB", "112MB"])
def test_a_sort_of_wide_rows_that_are_more_than_the_memory_is_made(
    wide: Warehouse, settings: Settings, limit: str
) -> None:
    settings.DUCKDB_MEMORY = limit
    with warehouses.open_stream(wide, "SELECT sorted, text FROM wide ORDER BY sorted") as stream:
        stream.start()
        firsts = [batch.column(0)[0].as_py() for batch in stream]
    assert len(firsts) > 10
    assert firsts == sorted(firsts)


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
    assert preview.columns["extra"] == "JSON"


def test_a_query_that_takes_too_long_is_ended(duck: Warehouse, settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 1
    with pytest.raises(AudienceSqlError, match="WAREHOUSE_TIMEOUT"):
        rows(duck, "SELECT count(*) AS n FROM range(1000000000000) WHERE range % 7 = 3")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("PIVOT (SELECT id % 2 AS odd FROM people) ON odd IN (0, 1) USING count(*)", [{"0": 5, "1": 5}]),
        (
            "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b INTO NAME n VALUE v",
            [{"n": "a", "v": 1}, {"n": "b", "v": 2}],
        ),
        ("FROM people SELECT id WHERE id = 3", [{"id": 3}]),
        ("FROM (FROM people) SELECT max(id) AS most", [{"most": 9}]),
        ("WITH few AS (FROM people LIMIT 1) SELECT id FROM few", [{"id": 0}]),
        ("VALUES (1, 'x')", [{"col0": 1, "col1": "x"}]),
        ("SELECT unnest([1, 2]) AS n", [{"n": 1}, {"n": 2}]),
    ],
)
def test_what_duckdb_calls_a_select_is_one(duck: Warehouse, sql: str, found: list[dict[str, object]]) -> None:
    assert rows(duck, sql) == found
    assert warehouses.count(duck, sql) == len(found)


def test_summarize_is_a_query(duck: Warehouse) -> None:
    assert [row["column_name"] for row in rows(duck, "SUMMARIZE people")] == ["id", "email"]


@pytest.mark.parametrize(
    "sql", ["PIVOT people ON id USING count(*)", "FROM (PIVOT people ON id USING count(*))"]
)
def test_a_pivot_that_does_not_say_its_columns_is_told_how(duck: Warehouse, sql: str) -> None:
    with pytest.raises(AudienceSqlError, match=r"PIVOT \.\.\. ON a IN \('x', 'y'\)"):
        rows(duck, sql)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            "12345678901234567890123456789012345678::HUGEINT",
            Decimal("12345678901234567890123456789012345678"),
        ),
        ("1.5::DECIMAL(38, 10)", Decimal("1.5")),
        ("'6a3f8b4e-0000-4000-8000-000000000001'::UUID", "6a3f8b4e-0000-4000-8000-000000000001"),
        ("TIME '10:31:02.5'", datetime.time(10, 31, 2, 500_000)),
        ("'a'::ENUM('a', 'b')", "a"),
        ("[{'a': [MAP {'k': 1}]}]", [{"a": [{"k": 1}]}]),
        ("'infinity'::DATE", None),
        ("'-infinity'::TIMESTAMP", None),
        ("TIMESTAMP_S '2026-01-01 00:00:00'", datetime.datetime(2026, 1, 1)),
        ("TIMESTAMP_MS '2026-01-01 00:00:00'", datetime.datetime(2026, 1, 1)),
        ("TIMESTAMP_NS '2026-01-01 00:00:00'", datetime.datetime(2026, 1, 1)),
        ("'a' || chr(0) || 'b'", "a\x00b"),
        ("'\U0001f984 \u05e9\u05dc\u05d5\u05dd'", "\U0001f984 \u05e9\u05dc\u05d5\u05dd"),
        ("array_value(1, 2)", [1, 2]),
        ("repeat('x', 1000000)", "x" * 1_000_000),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_value_arrives_as_what_it_is(duck: Warehouse, value: str, found: object) -> None:
    assert rows(duck, f"SELECT {value} AS it") == [{"it": found}]


@pytest.mark.parametrize(
    "value",
    [
        "INTERVAL 1 DAY",
        "'101'::BIT",
        "union_value(n := 1)",
        "340282366920938463463374607431768211455::UHUGEINT",
        "TIMETZ '10:00:00+02'",
        "'1'::BIGNUM",
        "'{}'::VARIANT",
        "[INTERVAL 1 DAY]",
        "{'a': MAP {'k': '101'::BIT}}",
    ],
)
def test_a_type_that_no_template_sees_names_its_column_and_the_cast(duck: Warehouse, value: str) -> None:
    with pytest.raises(AudienceSqlError, match=r'The column "it" .* CAST\("it" AS VARCHAR\) AS "it"'):
        rows(duck, f"SELECT {value} AS it")
    assert len(rows(duck, f"SELECT CAST({value} AS VARCHAR) AS it")) == 1


def test_a_file_that_cannot_be_read_closes_no_other(folder: Path) -> None:
    (folder / "spoilt.parquet").write_bytes(b"PAR1 nothing of the kind")
    warehouse = files(folder)
    assert len(rows(warehouse, "SELECT id FROM people")) == 3
    [sentence] = warehouses.examine(warehouse)
    assert "The warehouse's file spoilt.parquet can't be read" in sentence
    assert str(folder) not in sentence
    with pytest.raises(WarehouseUnreachable, match=r"file spoilt\.parquet can't be read"):
        rows(warehouse, "SELECT id FROM spoilt")


def test_a_row_that_spoils_a_csv_file_names_the_file_and_not_the_row(folder: Path) -> None:
    lines = [f"{n},p{n}@example.com" for n in range(50_000)]
    (folder / "late.csv").write_text("\n".join(["id,email", *lines, "x,zoe@example.com,1,2"]) + "\n")
    with pytest.raises(WarehouseUnreachable, match=r"file late\.csv can't be read") as caught:
        rows(files(folder), "SELECT id, email FROM late")
    assert "zoe" not in str(caught.value)


@pytest.mark.parametrize(
    ("many", "row", "reason"),
    [
        (1, b"7,Zo\xeb", "This file is not utf-8 encoded"),
        (50_000, b"7,Zo\xeb", "This file is not utf-8 encoded"),
        (50_000, b"zoe@example.com,x", 'Error when converting column "id"'),
        (50_000, b"7,zoe@example.com,x,y", "Expected Number of Columns: 2"),
        (50_000, b"7," + b"Zo" * 5_000_000, "Maximum line size"),
    ],
)
def test_a_csv_file_that_cannot_be_read_says_why_without_a_value(
    folder: Path, many: int, row: bytes, reason: str
) -> None:
    lines = [f"{n},{'p' * 9}{n}".encode() for n in range(many)]
    (folder / "late.csv").write_bytes(b"\n".join([b"id,name", *lines, row]) + b"\n")
    with pytest.raises(WarehouseError, match=reason) as caught:
        rows(files(folder), "SELECT id, name FROM late")
    # A file that is only on its way is waited for.
    assert isinstance(caught.value, AudienceSqlError) is (reason == "Maximum line size")
    assert "file late.csv can't be read" in str(caught.value)
    assert not [word for word in ("zoe", "Zo", "ppp") if word in str(caught.value)]


def test_a_file_is_not_taken_for_one_whose_name_begins_alike(folder: Path) -> None:
    (folder / "visits").mkdir()
    (folder / "visits" / "a.csv").write_text("id\n1\n")
    (folder / "visits" / "a.csv.gz").write_text("id\n1\n")
    [sentence] = warehouses.examine(files(folder))
    assert "file visits/a.csv.gz can't be read" in sentence


def test_a_parquet_file_whose_middle_is_spoilt_is_named(folder: Path) -> None:
    place = folder / "people.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT md5(range::text) AS text FROM range(100000)) TO '{place}'")
    data = bytearray(place.read_bytes())
    data[4:2000] = bytes(1996)
    place.write_bytes(data)
    with pytest.raises(warehouses.WarehouseError, match=r"people\.parquet") as caught:
        rows(files(folder), "SELECT text FROM people")
    assert str(folder) not in str(caught.value)


def test_what_needs_too_much_of_the_disk_ends_in_a_sentence(duck: Warehouse, settings: Settings) -> None:
    settings.WAREHOUSE_TEMPORARY_BYTES = 20_000_000
    sql = "SELECT a.range AS a, md5(a.range || ' ' || b.range) AS text FROM range(3000) a, range(3000) b ORDER BY text"
    with pytest.raises(AudienceSqlError, match="WAREHOUSE_TEMPORARY_BYTES"):
        rows(duck, sql)


def test_cells_that_are_too_wide_for_the_memory_end_in_a_sentence(tmp_path: Path) -> None:
    place = tmp_path / "wide.duckdb"
    with duckdb.connect(str(place)) as database:
        database.execute(
            "CREATE TABLE wide AS SELECT repeat(md5(range::text), 32768) AS text FROM range(400)"
        )
    with pytest.raises(AudienceSqlError, match=r"DUCKDB_MEMORY .* columns whose values are long"):
        rows(Warehouse(name="wide", kind=Kind.DUCKDB, location=str(place)), "SELECT text FROM wide")


def test_a_csv_file_has_long_cells_as_any_other_file(tmp_path: Path, settings: Settings) -> None:
    long = "SELECT range AS id, repeat(md5(range::text), 300) AS text FROM range(12000)"
    with duckdb.connect() as database:
        database.execute(f"COPY ({long}) TO '{tmp_path}/long.csv'")
    assert len(rows(files(tmp_path), "SELECT id FROM long ORDER BY text[1:9]")) == 12_000
    settings.DUCKDB_MEMORY = "12MB"
    with pytest.raises(AudienceSqlError, match=r"long\.csv can't be read: it needs more than DUCKDB_"):
        rows(files(tmp_path), "SELECT id FROM long")


def test_a_batch_of_long_rows_has_few_of_them(duck: Warehouse) -> None:
    sql = "SELECT range AS id, repeat('x', 20000) AS text FROM range(3000)"
    with warehouses.open_stream(duck, sql) as stream:
        stream.start()
        batches = list(stream)
    assert max(batch.nbytes for batch in batches) < 16 << 20
    assert [n for batch in batches for n in batch.column(0).to_pylist()] == list(range(3000))


def test_the_pages_of_a_large_file_are_not_kept(tmp_path: Path) -> None:
    place = tmp_path / "large.duckdb"
    with duckdb.connect(str(place)) as database:
        database.execute(
            "CREATE TABLE large AS SELECT uuid()::text AS a, uuid()::text AS b FROM range(3000000)"
        )
    with connector.open_stream(
        str(place), Query("SELECT a, b FROM large"), Limits("96MB", 1 << 30)
    ) as stream:
        stream.start()
        read = sum(batch.num_rows for batch in stream)
        [(kept,)] = stream._beside.sql("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
    assert read == 3_000_000
    assert kept < 56 << 20
