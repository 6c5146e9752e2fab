"""Launch variables at PostgreSQL: of every kind, and as hostile as they come."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, Value
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql

ROLE = f"pgvalues_{elephants.RUN}"

# Each would do harm, or be another text, if it were pasted, quoted, escaped or looked through for places.
HOSTILE = (
    "'; DELETE FROM customers; --",
    "\\'; DELETE FROM customers; --",
    "' OR '1' = '1",
    "1) TO STDOUT; DELETE FROM customers; COPY (SELECT 1",
    "$$; DELETE FROM customers; $$",
    "$1",
    "{{ other }}",
    "{{ v }}",
    "%s %(v)s {} {v} :v @v ?",
    '"; DROP TABLE customers; --',
    "/* */ -- ",
    "*/ DELETE FROM customers /*",
    "\u02bc; DELETE FROM customers",
    "\uff07; DELETE FROM customers",
    "\\",
    "\\x27",
    "E'\\047'",
    "pg_sleep(10)",
    "a\nb\tc\r",
    " ",
    "NULL",
    "\u202e",
)


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("pgvalues") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return postgresql(admin, ROLE)


def rows(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


@pytest.mark.parametrize(
    ("value", "kind"), elephants.VALUES, ids=[str(value)[:20] for value, _ in elephants.VALUES]
)
def test_a_value_is_bound_and_arrives_as_what_it_is(warehouse: Warehouse, value: Value, kind: str) -> None:
    [row] = rows(warehouse, "SELECT {{ v }} AS v, pg_typeof({{ v }})::text AS kind", v=value)
    assert row["kind"] == kind
    found = Decimal(str(row["v"])) if kind == "numeric" else row["v"]
    assert found == value


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_text_is_a_text(admin: Connection, warehouse: Warehouse, value: str) -> None:
    sql = "SELECT {{ v }} AS v, {{v}} || {{ other }} AS both, length({{ v }}) AS size WHERE 1 = {{ one }}"
    [row] = rows(warehouse, sql, v=value, other="!", one=1)
    assert row == {"v": value, "both": value + "!", "size": len(value)}
    assert warehouses.count(warehouse, "SELECT id FROM customers WHERE email = {{ v }}", {"v": value}) == 0
    assert admin.execute("SELECT count(*) FROM customers").fetchone() == (elephants.ROWS,)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"], ids=["NUL", "half a character"])
def test_a_text_that_no_database_holds_is_refused(warehouse: Warehouse, value: str) -> None:
    with pytest.raises(AudienceSqlError, match=r"The value of \{\{ v \}\} holds a character"):
        rows(warehouse, "SELECT {{ v }} AS v", v=value)


def test_a_value_may_stand_where_a_number_must(warehouse: Warehouse) -> None:
    sql = "SELECT id FROM customers ORDER BY id LIMIT {{ many }} OFFSET {{ many }} * 2"
    assert [row["id"] for row in rows(warehouse, sql, many=2)] == [5, 6]


def test_a_value_that_does_not_fit_is_a_sentence(warehouse: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="operator does not exist: integer = text"):
        rows(warehouse, "SELECT id FROM customers WHERE id = {{ v }}", v="1")


def test_a_value_that_has_no_name_in_the_sql_goes_nowhere(warehouse: Warehouse) -> None:
    assert rows(warehouse, "SELECT '-- ' || 1 AS v -- {{ v }}", v="x") == [{"v": "-- 1"}]


def test_between_quotes_no_value_is_put(warehouse: Warehouse) -> None:
    for sql in ("SELECT '{{ v }}' AS v", 'SELECT "{{ v }}"', "SELECT $a${{ v }}$a$ AS v"):
        with pytest.raises(AudienceSqlError, match="leave the quotes out"):
            rows(warehouse, sql, v="x")


def test_what_was_bound_is_nothing_to_the_next_query(warehouse: Warehouse) -> None:
    rows(warehouse, "SELECT {{ v }} AS v", v="kept?")
    [row] = rows(warehouse, "SELECT current_setting('accelerator.v1', true) AS v")
    assert row == {"v": None}
