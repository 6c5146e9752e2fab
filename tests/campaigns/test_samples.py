import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from campaigns import samples
from campaigns.models import Audience, Template
from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import AudienceSqlError, TooSlow, Value, WarehouseUnreachable
from tests.campaigns import cast
from tests.jobs.cast import SQL


def test_a_look_shows_columns_first_rows_and_size(warehouse: Warehouse) -> None:
    seen = samples.look(warehouse, SQL, counting=True)
    assert list(seen.columns) == ["id", "email", "first_name"]
    assert seen.size == 3
    assert seen.cells == [
        ["1", "ann@example.com", "Ann"],
        ["2", "ben@example.com", "Ben"],
        ["3", "cat@example.com", None],
    ]


def test_a_look_may_leave_the_counting(warehouse: Warehouse) -> None:
    assert samples.look(warehouse, SQL, counting=False).size is None


def test_a_look_at_no_rows_knows_the_columns(warehouse: Warehouse) -> None:
    seen = samples.look(warehouse, "SELECT id, email, first_name FROM customers WHERE id > 9", counting=True)
    assert (list(seen.columns), seen.rows, seen.size) == (["id", "email", "first_name"], [], 0)


def test_sql_that_fails_is_said(warehouse: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="custmers"):
        samples.look(warehouse, "SELECT * FROM custmers", counting=True)


def test_an_error_names_the_line_as_the_marketer_wrote_it(warehouse: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="LINE 2:"):
        samples.look(warehouse, "SELECT id\nFROM customers WHERE AND", counting=True)


def test_a_select_may_end_in_a_comment_or_a_semicolon(warehouse: Warehouse) -> None:
    assert samples.look(warehouse, f"{SQL} -- everybody", counting=True).size == 3
    assert samples.look(warehouse, f"{SQL};", counting=True).size == 3


def test_a_count_says_how_long_it_took(warehouse: Warehouse) -> None:
    counted = samples.look(warehouse, SQL, counting=True).seconds
    assert counted is not None
    assert 0 < counted < warehouses.PATIENCE
    assert samples.look(warehouse, SQL, counting=False).seconds is None


@pytest.mark.parametrize(
    ("condition", "value", "size"),
    [
        ("name = {{ it }}", "Ann", 1),
        ("name = {{ it }}", "'; DROP TABLE people; --", 0),
        ("name = {{ it }}", "x' OR '1'='1", 0),
        ("id >= {{ it }}", Decimal("1.5"), 1),
        ("'2026-11-24' < {{ it }}", date(2026, 11, 25), 2),
        ("{{ it }}", False, 0),
    ],
)
def test_rows_and_count_are_those_of_the_values(
    db: None, tmp_path: Path, condition: str, value: Value, size: int
) -> None:
    path = tmp_path / "people.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE people (id INTEGER, name TEXT)")
        database.executemany("INSERT INTO people VALUES (?, ?)", [(1, "Ann"), (2, "Ben")])
        database.commit()
    people = Warehouse(name="people", kind=Kind.SQLITE, location=str(path))
    seen = samples.look(
        people, f"SELECT id, name FROM people WHERE {condition}", {"it": value}, counting=True
    )
    assert (len(seen.rows), seen.size) == (size, size)
    assert samples.look(people, "SELECT * FROM people", counting=True).size == 2


def test_a_variable_without_a_value_is_said(warehouse: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="nobody has said what it stands for"):
        samples.look(warehouse, "SELECT {{ it }} AS id", counting=True)


def test_a_warehouse_that_is_gone_is_said(db: None, tmp_path: Path) -> None:
    gone = Warehouse(name="gone", kind=Kind.DUCKDB, location=str(tmp_path / "gone.duckdb"))
    with pytest.raises(WarehouseUnreachable, match="does not exist"):
        samples.look(gone, SQL, counting=True)


def test_a_slow_select_is_known_by_its_columns(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouses, "PATIENCE", 0.3)
    slow = "SELECT sum(a.range * b.range) AS id, 'ann@example.com' AS email FROM range(3000000) a, range(3000000) b"
    seen = samples.look(warehouse, slow, counting=True)
    assert list(seen.columns) == ["id", "email"]
    assert (seen.rows, seen.size) == ([], None)
    assert "a launch waits as long as it takes" in seen.slow
    with pytest.raises(TooSlow):
        warehouses.count(warehouse, slow)


def test_refreshing_stores_what_was_seen(warehouse: Warehouse) -> None:
    audience = cast.audience(warehouse, looked=False)
    samples.refresh(audience)
    stored = Audience.objects.get(pk=audience.pk)
    assert (stored.size, list(stored.records[0])) == (3, ["id", "email", "first_name"])
    assert stored.counted_at is not None


def test_what_was_seen_is_remembered_in_order_with_its_types(warehouse: Warehouse) -> None:
    audience = cast.audience(warehouse)
    seen = samples.remembered(Audience.objects.get(pk=audience.pk))
    assert seen
    assert list(seen.columns.items()) == [("id", "whole number"), ("email", "text"), ("first_name", "text")]
    assert (seen.cells[2], seen.size, seen.seconds) == (["3", "cat@example.com", None], 3, None)
    assert samples.remembered(cast.audience(warehouse, looked=False)) is None


def test_without_a_sample_every_variable_stands_for_itself(template: Template) -> None:
    assert samples.record(None, template) == {"first_name": "[first_name]"}
    assert samples.rendered(template, samples.record(None, template), {}).subject == "Hello [first_name]"


def test_records_are_counted_around_the_sample(audience: Audience, template: Template) -> None:
    assert samples.record(audience, template, 4)["first_name"] == "Ben"


def test_failures_name_the_records_that_fail(audience: Audience) -> None:
    failures = samples.failures(cast.template(text="{{ first_name }}"), audience, {})
    assert len(failures) == 1
    assert '"first_name" is missing or empty' in failures[0]
