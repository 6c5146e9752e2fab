from django.test import Client

from campaigns.models import Audience
from tests.campaigns.cast import audience as make_audience
from tests.campaigns.cast import words
from tests.jobs.cast import SQL


def data(audience: Audience, **changes: str) -> dict[str, object]:
    fields = {
        "name": audience.name,
        "sql": audience.sql,
        "recipient_id_column": "id",
        "email_column": "email",
    }
    return {"warehouse": audience.warehouse_id, **fields, **changes}


def test_it_shows_the_audience_and_its_last_known_size(as_alice: Client, audience: Audience) -> None:
    response = as_alice.get(audience.get_absolute_url())
    assert "3 recipients, counted just now" in words(response)
    assert SQL in response.content.decode()


def test_another_select_forgets_the_size(as_alice: Client, audience: Audience) -> None:
    as_alice.post(audience.get_absolute_url(), data(audience, sql=f"{SQL} LIMIT 2"))
    audience.refresh_from_db()
    assert (audience.size, audience.counted_at, len(audience.sample)) == (None, None, 2)


def test_another_name_keeps_the_size(as_alice: Client, audience: Audience) -> None:
    as_alice.post(audience.get_absolute_url(), data(audience, name="All of them"))
    audience.refresh_from_db()
    assert (audience.name, audience.size) == ("All of them", 3)


def test_a_preview_of_the_stored_select_counts_it(as_alice: Client, audience: Audience) -> None:
    Audience.objects.update(size=None, counted_at=None)
    as_alice.post(audience.get_absolute_url(), data(audience, name="Typed, not saved", do="preview"))
    audience.refresh_from_db()
    assert (audience.name, audience.size) == ("Everybody", 3)


def test_a_preview_of_another_select_changes_nothing(as_alice: Client, audience: Audience) -> None:
    response = as_alice.post(audience.get_absolute_url(), data(audience, sql=f"{SQL} LIMIT 1", do="preview"))
    assert "1 recipient; the first 1:" in words(response)
    audience.refresh_from_db()
    assert (audience.sql, audience.size, len(audience.sample)) == (SQL, 3, 3)


def test_charlie_does_not_find_it(as_charlie: Client, audience: Audience) -> None:
    assert as_charlie.get(audience.get_absolute_url()).status_code == 404
    assert as_charlie.post(audience.get_absolute_url(), data(audience, name="Mine")).status_code == 404
    assert as_charlie.post(audience.get_absolute_url(), data(audience, do="preview")).status_code == 404


def test_names_of_columns_are_escaped(as_alice: Client, audience: Audience) -> None:
    odd = make_audience(audience.warehouse, name="Odd", sql='SELECT id, email, 1 AS "<b>" FROM customers')
    response = as_alice.post(odd.get_absolute_url(), data(odd, do="preview"))
    assert "<b>" not in response.content.decode()
