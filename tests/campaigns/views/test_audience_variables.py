"""Launch variables on the page of an Audience: a row for each, its kind and its value, bound and never pasted."""

import pytest
from django.test import Client

from campaigns.models import Audience
from jobs.models import Warehouse
from tests.campaigns.cast import audience as make_audience
from tests.campaigns.cast import errors_at, words
from tests.jobs.cast import SQL

URL = "/campaigns/audiences/new/"
ASKING = "SELECT id, email, first_name FROM customers WHERE first_name = {{ whom }}"


def data(warehouse: Warehouse, sql: str = ASKING, **changes: str) -> dict[str, object]:
    fields = {"name": "Some", "sql": sql, "recipient_id_column": "id", "email_column": "email"}
    return {"warehouse": warehouse.pk, **fields, **changes}


def valued(kind: str, value: str, name: str = "whom") -> dict[str, str]:
    return {f"kind-{name}": kind, f"value-{name}": value}


def asking(warehouse: Warehouse) -> Audience:
    """Stored with the value Ann."""
    variables = [{"name": "whom", "kind": "text", "value": "Ann"}]
    return make_audience(warehouse, sql=ASKING, variables=variables)


def test_a_preview_of_sql_with_a_variable_asks_what_it_stands_for(
    as_alice: Client, warehouse: Warehouse
) -> None:
    response = as_alice.post(URL, data(warehouse, do="preview"))
    assert "Launch variables" in words(response)
    assert 'name="kind-whom"' in response.content.decode()
    assert errors_at(response, "value-whom") == "Say what {{ whom }} stands for."
    assert "Not counted" not in words(response)


def test_sql_without_variables_shows_none(as_alice: Client, warehouse: Warehouse) -> None:
    assert "Launch variables" not in words(as_alice.post(URL, data(warehouse, SQL, do="preview")))


def test_a_preview_by_htmx_brings_the_rows_and_puts_the_person_where_something_is_missing(
    as_alice: Client, warehouse: Warehouse
) -> None:
    response = as_alice.post(URL, data(warehouse, do="preview"), headers={"HX-Request": "true"})
    part = response.content.decode()
    assert "<html" not in part
    assert 'id="variables" class="variables" hx-swap-oob="true"' in part
    assert part.count("autofocus") == 1
    assert words(response).count("Say what {{ whom }} stands for.") == 1
    assert "Say above what the launch variable stands for, then preview again." in words(response)


def test_a_preview_is_bound_to_the_value_and_says_how_long_the_count_took(
    as_alice: Client, warehouse: Warehouse
) -> None:
    response = as_alice.post(URL, data(warehouse, do="preview", **valued("text", "Ben")))
    assert "1 recipient; the first 1: Counted in 0." in words(response)
    assert "ben@example.com" in words(response)
    assert "ann@example.com" not in words(response)


@pytest.mark.parametrize(
    ("kind", "condition", "value", "size"),
    [
        ("text", "first_name = {{ whom }}", "Ann", 1),
        ("number", "id >= {{ whom }}", "2", 2),
        ("number", "id > {{ whom }}", "1.5", 2),
        ("date", "DATE '2026-11-24' < {{ whom }}", "2026-11-25", 3),
        ("date", "DATE '2026-11-26' < {{ whom }}", "2026-11-25", 0),
        ("boolean", "{{ whom }}", "yes", 3),
        ("boolean", "{{ whom }}", "no", 0),
    ],
)
def test_a_value_means_what_its_kind_says(
    as_alice: Client, warehouse: Warehouse, kind: str, condition: str, value: str, size: int
) -> None:
    sql = f"SELECT id, email FROM customers WHERE {condition}"
    response = as_alice.post(URL, data(warehouse, sql, do="preview", **valued(kind, value)))
    assert f"{size} recipient" in words(response)


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE customers; --", "x' OR '1'='1", "{{ whom }}", "\\' OR 1=1 --", 'x" OR "1"="1']
)
def test_a_hostile_value_selects_nobody_and_drops_nothing(
    as_alice: Client, warehouse: Warehouse, value: str
) -> None:
    response = as_alice.post(URL, data(warehouse, do="preview", **valued("text", value)))
    assert "0 recipients: no row matches now." in words(response)
    assert as_alice.post(URL, data(warehouse, **valued("text", value))).status_code == 303
    audience = Audience.objects.get()
    assert (audience.sql, audience.launch_values[0].meant) == (ASKING, value)
    assert "3 recipients" in words(as_alice.post(URL, data(warehouse, SQL, do="preview")))


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("text", "", "Say what {{ whom }} stands for."),
        ("number", "many", "Write a number in digits"),
        ("date", "yesterday", "as year, month and day"),
        ("boolean", "perhaps", "Write yes or no."),
    ],
)
def test_a_value_that_does_not_fit_is_said_at_its_field_and_nothing_is_saved(
    as_alice: Client, warehouse: Warehouse, kind: str, value: str, sentence: str
) -> None:
    response = as_alice.post(URL, data(warehouse, **valued(kind, value)))
    assert response.status_code == 200
    assert sentence in errors_at(response, "value-whom")
    assert f'<option value="{kind}" selected>' in response.content.decode()
    assert not Audience.objects.exists()


def test_saving_keeps_kinds_and_values_of_the_variables_that_the_sql_has(
    as_alice: Client, warehouse: Warehouse
) -> None:
    sql = "SELECT id, email FROM customers WHERE {{ all }} AND id >= {{ least }}"
    fields = valued("boolean", "Yes", "all") | valued("number", "2", "least") | valued("text", "x", "gone")
    as_alice.post(URL, data(warehouse, sql, **fields))
    audience = Audience.objects.get()
    assert [(value.name, value.kind, value.value) for value in audience.launch_values] == [
        ("all", "boolean", "true"),
        ("least", "number", "2"),
    ]
    assert len(audience.sample) == 2


def test_an_audience_that_is_opened_shows_its_variables_and_what_was_seen_last(
    as_alice: Client, warehouse: Warehouse
) -> None:
    response = as_alice.get(asking(warehouse).get_absolute_url())
    page = words(response)
    assert "{{ whom }}" in page
    assert 'name="value-whom" value="Ann"' in response.content.decode()
    assert "Columns and first rows as the warehouse gave them last." in page
    assert "id whole number email text first_name text 1 ann@example.com Ann" in page


def test_another_value_forgets_the_size_and_the_same_keeps_it(as_alice: Client, warehouse: Warehouse) -> None:
    audience = asking(warehouse)
    as_alice.post(audience.get_absolute_url(), data(warehouse, **valued("text", "Ann")))
    audience.refresh_from_db()
    assert audience.size == 1
    as_alice.post(audience.get_absolute_url(), data(warehouse, **valued("text", "Ben")))
    audience.refresh_from_db()
    assert audience.cells == [["2", "ben@example.com", "Ben"]]
    assert audience.counted_at is None


def test_a_preview_with_another_value_changes_nothing_that_is_stored(
    as_alice: Client, warehouse: Warehouse
) -> None:
    audience = asking(warehouse)
    as_alice.post(audience.get_absolute_url(), data(warehouse, do="preview", **valued("text", "Nobody")))
    audience.refresh_from_db()
    assert (audience.size, audience.launch_values[0].value) == (1, "Ann")


def test_counting_again_uses_the_stored_value(as_alice: Client, warehouse: Warehouse) -> None:
    audience = asking(warehouse)
    response = as_alice.post(f"{audience.get_absolute_url()}count/", headers={"HX-Request": "true"})
    assert "1 recipient, counted just now in 0." in words(response)


def test_quotes_around_a_variable_are_said_at_the_sql_and_its_value_is_kept(
    as_alice: Client, warehouse: Warehouse
) -> None:
    sql = "SELECT id, email FROM customers WHERE first_name = '{{ whom }}'"
    response = as_alice.post(URL, data(warehouse, sql, **valued("text", "Ann")))
    assert "leave the quotes out" in errors_at(response, "sql")
    assert 'name="value-whom" value="Ann"' in response.content.decode()


def test_another_kind_brings_another_field_and_runs_nothing(as_alice: Client) -> None:
    away = Warehouse.objects.create(name="Away", kind="duckdb", location="/nowhere/gone.duckdb")
    asked = data(away, do="variables", **valued("date", "Ann"))
    response = as_alice.post(URL, asked, headers={"HX-Request": "true"})
    part = response.content.decode()
    assert part.strip().startswith('<div id="variables"')
    assert 'type="date"' in part
    assert "Ann" not in part
    assert "field-error" not in part


def test_values_are_escaped(as_alice: Client, warehouse: Warehouse) -> None:
    response = as_alice.post(
        URL, data(warehouse, do="preview", **valued("text", '"><script>alert(1)</script>'))
    )
    assert "<script>alert" not in response.content.decode()
