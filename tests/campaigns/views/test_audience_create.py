from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Audience
from jobs.models import Kind, Warehouse
from tests.campaigns.cast import errors_at, words
from tests.jobs.cast import SQL, account, person

URL = "/campaigns/audiences/new/"


def data(warehouse: Warehouse, **changes: str) -> dict[str, object]:
    fields = {"name": "Everybody", "sql": SQL, "recipient_id_column": "id", "email_column": "email"}
    return {"warehouse": warehouse.pk, **fields, **changes}


def test_saving_runs_the_sql_and_remembers_columns_and_sample(as_alice: Client, warehouse: Warehouse) -> None:
    response = as_alice.post(URL, data(warehouse))
    audience = Audience.objects.get()
    assert (response.status_code, response["Location"]) == (303, audience.get_absolute_url())
    assert audience.account.name == "Northwind"
    assert set(audience.columns) == {"id", "email", "first_name"}
    assert len(audience.records) == 3
    assert audience.size is None


def test_what_json_has_no_word_for_can_be_saved(as_alice: Client, warehouse: Warehouse) -> None:
    sql = "SELECT id, email, ['nan'::DOUBLE] AS a, {'b': chr(0)} AS c FROM customers"
    assert as_alice.post(URL, data(warehouse, sql=sql)).status_code == 303
    assert Audience.objects.get().cells[0][2:] == ['["NaN"]', '{"b": ""}']


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT * FROM custmers", "custmers"),
        ("SELEC 1", "SELEC"),
        ("DELETE FROM customers", "only reads"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv does something else"),
        ("SELECT 1 / 0 AS id, email FROM customers WHERE error('broken row')", "broken row"),
    ],
)
def test_sql_that_can_not_be_run_is_refused_at_its_field(
    as_alice: Client, warehouse: Warehouse, sql: str, sentence: str
) -> None:
    response = as_alice.post(URL, data(warehouse, sql=sql))
    assert response.status_code == 200
    assert sentence in errors_at(response, "sql")
    assert not Audience.objects.exists()


def test_nothing_typed_is_lost(as_alice: Client, warehouse: Warehouse) -> None:
    response = as_alice.post(URL, data(warehouse, sql="SELECT * FROM custmers", name="My <people>"))
    page = response.content.decode()
    assert "SELECT * FROM custmers</textarea>" in page
    assert 'value="My &lt;people&gt;"' in page
    assert f'<option value="{warehouse.pk}" selected>' in page
    assert "What you typed is still here" in words(response)


@pytest.mark.parametrize("field", ["recipient_id_column", "email_column"])
def test_a_column_that_is_not_there_is_said_with_those_that_are(
    as_alice: Client, warehouse: Warehouse, field: str
) -> None:
    response = as_alice.post(URL, data(warehouse, **{field: "Mail"}))
    assert errors_at(response, field) == 'The SELECT has no column "Mail". It has: id, email, first_name.'
    assert not errors_at(response, "sql")
    assert not Audience.objects.exists()


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("id, email, 1 AS a, 2 AS a", 'selects "a" twice'),
        ("c.*, id", 'selects "id" twice'),
        ("*, 1 AS supplemental", 'a column "supplemental"; templates use that name already'),
        ("id, [email] AS email", 'The email column "email" is of the type list'),
        ("{'a': id} AS id, email", 'The recipient-id column "id" is of the type object'),
    ],
)
def test_columns_that_the_job_would_refuse_are_refused_at_the_sql(
    as_alice: Client, warehouse: Warehouse, columns: str, sentence: str
) -> None:
    response = as_alice.post(URL, data(warehouse, sql=f"SELECT {columns} FROM customers c"))
    assert response.status_code == 200
    assert sentence in errors_at(response, "sql")
    assert not Audience.objects.exists()


@pytest.mark.parametrize(
    ("kind", "location", "sentence"),
    [
        (Kind.DUCKDB, "/nowhere/gone.duckdb", "gone.duckdb does not exist"),
        (Kind.POSTGRESQL, "postgresql://reader@127.0.0.1:1/shop", "can't be reached"),
    ],
)
def test_a_warehouse_that_can_not_be_reached_is_said_at_its_field(
    as_alice: Client, kind: str, location: str, sentence: str
) -> None:
    away = Warehouse.objects.create(name="Away", kind=kind, location=location)
    response = as_alice.post(URL, data(away))
    assert sentence in errors_at(response, "warehouse")
    assert SQL in response.content.decode()
    assert not Audience.objects.exists()


def test_an_audience_that_is_empty_now_can_be_saved(as_alice: Client, warehouse: Warehouse) -> None:
    as_alice.post(URL, data(warehouse, sql="SELECT id, email FROM customers WHERE id > 9"))
    assert Audience.objects.get().sample == []


def test_missing_fields_are_named(as_alice: Client, warehouse: Warehouse) -> None:
    response = as_alice.post(URL, {})
    assert errors_at(response, "sql") == "Write the SELECT that chooses the recipients."
    assert errors_at(response, "warehouse")


def test_a_preview_shows_rows_and_size_and_saves_nothing(as_alice: Client, warehouse: Warehouse) -> None:
    response = as_alice.post(URL, data(warehouse, name="", do="preview"))
    page = words(response)
    assert "3 recipients; the first 3:" in page
    assert "ann@example.com" in page
    assert "NULL" in page
    assert not errors_at(response, "name")
    assert not Audience.objects.exists()


def test_a_preview_of_a_wide_result_shows_five_rows(as_alice: Client, warehouse: Warehouse) -> None:
    sql = "SELECT range AS id, 'a@example.com' AS email FROM range(1234)"
    assert "1,234 recipients; the first 5:" in words(
        as_alice.post(URL, data(warehouse, sql=sql, do="preview"))
    )


def test_a_preview_by_htmx_is_the_part_and_the_offered_columns(
    as_alice: Client, warehouse: Warehouse
) -> None:
    response = as_alice.post(URL, data(warehouse, do="preview"), headers={"HX-Request": "true"})
    part = response.content.decode()
    assert "<html" not in part
    assert '<option value="first_name">' in part
    assert "3 recipients" in words(response)


def test_a_preview_by_htmx_says_what_is_wrong(as_alice: Client, warehouse: Warehouse) -> None:
    response = as_alice.post(
        URL, data(warehouse, sql="SELECT oh", do="preview"), headers={"HX-Request": "true"}
    )
    assert "The warehouse refuses the SQL" in words(response)


def test_only_warehouses_of_the_account_and_shared_ones_are_offered(
    as_alice: Client, warehouse: Warehouse, tmp_path: Path
) -> None:
    theirs = Warehouse.objects.create(
        name="Theirs", kind=Kind.DUCKDB, location=warehouse.location, account=account("Contoso")
    )
    ours = Warehouse.objects.create(
        name="Ours", kind=Kind.DUCKDB, location=warehouse.location, account=account()
    )
    page = words(as_alice.get(URL))
    assert "Theirs" not in page
    assert "Ours" in page
    assert errors_at(as_alice.post(URL, data(theirs)), "warehouse")
    as_alice.post(URL, data(ours))
    assert Audience.objects.get().warehouse == ours


def test_a_warehouse_of_her_other_account_is_refused(client: Client, warehouse: Warehouse) -> None:
    client.force_login(person("dora", account(), account("Contoso")))
    warehouse.account = account("Contoso")
    warehouse.save()
    response = client.post(URL, {**data(warehouse), "account": account().pk})
    assert 'another account than "Northwind"' in errors_at(response, "warehouse")


def test_somebody_without_an_account_is_told_so(client: Client, nora: User, warehouse: Warehouse) -> None:
    client.force_login(nora)
    assert "You are in no account yet" in words(client.get(URL))
    client.post(URL, data(warehouse))
    assert not Audience.objects.exists()
