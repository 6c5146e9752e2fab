"""Launch variables as Redshift takes them, on a PostgreSQL: bound, and refused where Redshift would change them."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, Value
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection

ROLE = f"rsvalues_{elephants.RUN}"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("rsvalues") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return elephants.redshift(admin, ROLE)


def rows(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


@pytest.mark.parametrize(
    ("value", "kind"), elephants.VALUES, ids=[str(value)[:20] for value, _ in elephants.VALUES]
)
def test_a_value_is_bound_and_arrives_as_what_it_is(warehouse: Warehouse, value: Value, kind: str) -> None:
    sql = "SELECT {{ v }} AS v, CAST(pg_typeof({{ v }}) AS varchar(40)) AS kind"
    [row] = rows(warehouse, sql, v=value)
    expected = {"text": "character varying"}.get(kind, kind)
    assert row["kind"] == expected
    found = Decimal(str(row["v"])) if kind == "numeric" else row["v"]
    assert found == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\0b", "NUL"),
        ("\ud800", "NUL"),
        ("ä" * 32_768, "65,535 bytes"),
        (10**38, "38 digits"),
        (Decimal("0." + "1" * 38), "38 digits"),
        (Decimal("NaN"), "no number"),
    ],
    ids=["NUL", "half a character", "long", "large", "fine", "NaN"],
)
def test_a_value_that_redshift_would_change_is_refused(
    warehouse: Warehouse, value: Value, words: str
) -> None:
    with pytest.raises(AudienceSqlError, match=words):
        rows(warehouse, "SELECT {{ v }} AS v", v=value)


def test_percent_signs_and_dollars_of_the_sql_mean_what_they_mean(warehouse: Warehouse) -> None:
    sql = "SELECT '100%s %(a)s {} $1' AS a, 7 % 4 AS b, {{ v }} AS v"
    assert rows(warehouse, sql, v="$1") == [{"a": "100%s %(a)s {} $1", "b": 3, "v": "$1"}]
