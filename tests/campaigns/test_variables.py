from decimal import Decimal

import pytest

from campaigns import variables
from campaigns.models import Audience
from campaigns.variables import Kind, ValueInvalid
from jobs.models import Kind as WarehouseKind
from jobs.models import LaunchValue, Warehouse

SQL = "SELECT id, email FROM customers WHERE tier = {{ tier }} AND since > {{since}} OR {{ tier }} = '{'"


def value(name: str, kind: Kind, text: str) -> LaunchValue:
    return LaunchValue(name=name, kind=kind, value=text)


def audience(sql: str, *stored: LaunchValue, kind: str = WarehouseKind.DUCKDB) -> Audience:
    return Audience(
        sql=sql, warehouse=Warehouse(kind=kind), variables=[value.model_dump() for value in stored]
    )


def test_each_variable_of_the_sql_is_there_once_in_order_as_it_is_stored() -> None:
    stored = [value("since", "date", "2026-01-01"), value("gone", "text", "x")]
    assert variables.of(audience(SQL, *stored)) == [value("tier", "text", ""), stored[0]]


def test_sql_that_can_not_be_bound_has_none_and_says_why() -> None:
    quoted = audience("SELECT '{{ tier }}'")
    assert variables.of(quoted) == []
    assert "leave the quotes out" in variables.problem(quoted)
    assert variables.problem(audience(SQL)) == ""


def test_what_is_a_comment_is_for_the_warehouse_to_say() -> None:
    sql = "SELECT 1 # {{ tier }}"
    assert variables.of(audience(sql, kind=WarehouseKind.MYSQL)) == []
    assert variables.of(audience(sql)) == [value("tier", "text", "")]
    assert variables.typed(sql, Warehouse(kind=WarehouseKind.MYSQL), {}) == []


def test_what_was_typed_on_a_form_is_taken_with_the_kind_that_was_chosen() -> None:
    data = {"kind-tier": "number", "value-tier": " 5 ", "kind-since": "mood", "value-gone": "x"}
    assert variables.typed(SQL, None, data) == [value("tier", "number", " 5 "), value("since", "text", "")]


def test_what_was_typed_is_kept_while_the_sql_can_not_be_read() -> None:
    data = {"kind-tier": "number", "value-tier": "5", "value-<b>": "x"}
    assert variables.typed("SELECT '{{ tier }}'", None, data) == [value("tier", "number", "5")]


@pytest.mark.parametrize(
    ("kind", "text", "stored"),
    [
        ("text", " Gold ", "Gold"),
        ("text", "'; DROP TABLE customers; --", "'; DROP TABLE customers; --"),
        ("text", "x" * 1000, "x" * 1000),
        ("number", "+19.90", "19.90"),
        ("number", "-0", "-0"),
        ("number", "9" * 38, "9" * 38),
        ("date", "2028-02-29", "2028-02-29"),
        ("boolean", "Yes", "true"),
        ("boolean", "false", "false"),
    ],
)
def test_a_value_that_fits_is_read(kind: Kind, text: str, stored: str) -> None:
    read = variables.read("name", kind, text)
    assert (read.name, read.kind, read.value) == ("name", kind, stored)
    assert read.meant is not None


def test_a_number_is_a_decimal() -> None:
    assert variables.read("least", "number", "19.90").meant == Decimal("19.90")


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("text", "  ", "Say what {{ name }} stands for."),
        ("number", "", "Say what {{ name }} stands for."),
        ("text", "x" * 1001, "longer than 1,000"),
        ("text", "a\0b", "such as NUL"),
        ("text", "a\ud800b", "no text in a database"),
        ("number", "1,5", "a number in digits"),
        ("number", "1_000", "a number in digits"),
        ("number", "1e9", "a number in digits"),
        ("number", "NaN", "a number in digits"),
        ("number", "٣", "a number in digits"),
        ("number", "9" * 39, "38 digits at most"),
        ("date", "25.11.2026", "2026-11-25"),
        ("date", "20261125", "2026-11-25"),
        ("date", "2026-02-30", "Write a day that there is"),
        ("boolean", "maybe", "Write yes or no."),
        ("boolean", "1", "Write yes or no."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(kind: Kind, text: str, sentence: str) -> None:
    with pytest.raises(ValueInvalid) as refused:
        variables.read("name", kind, text)
    assert sentence in str(refused.value)
    assert variables.fitting(value("name", kind, text)).value == ""
