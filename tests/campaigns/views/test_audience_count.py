from pathlib import Path

from django.test import Client

from campaigns.models import Audience
from jobs.models import Warehouse
from tests.campaigns.cast import audience as make_audience
from tests.campaigns.cast import campaign as make_campaign
from tests.campaigns.cast import words
from tests.jobs.cast import account


def url(audience: Audience) -> str:
    return f"/campaigns/audiences/{audience.pk}/count/"


def test_it_counts_and_goes_back_to_the_audience(as_alice: Client, warehouse: Warehouse) -> None:
    audience = make_audience(warehouse, looked=False)
    response = as_alice.post(url(audience))
    assert (response.status_code, response["Location"]) == (303, audience.get_absolute_url())
    audience.refresh_from_db()
    assert audience.size == 3
    assert "Counted in 0." in words(as_alice.get(response["Location"]))


def test_by_htmx_it_is_the_new_size(as_alice: Client, warehouse: Warehouse) -> None:
    audience = make_audience(warehouse, looked=False)
    response = as_alice.post(url(audience), headers={"HX-Request": "true"})
    assert "3 recipients, counted just now in 0." in words(response)


def test_what_json_has_no_word_for_does_not_keep_from_counting(
    as_alice: Client, warehouse: Warehouse
) -> None:
    sql = (
        "SELECT id, email, 'nan'::DOUBLE AS a, -'inf'::DOUBLE AS b, 'x' || chr(0) || 'y' AS c FROM customers"
    )
    audience = make_audience(warehouse, looked=False, sql=sql)
    assert as_alice.post(url(audience)).status_code == 303
    audience.refresh_from_db()
    assert audience.size == 3
    assert audience.cells[0][2:] == ["NaN", "-inf", "xy"]
    assert as_alice.get(audience.get_absolute_url()).status_code == 200


def test_a_warehouse_that_is_away_keeps_the_last_size_and_says_why(
    as_alice: Client, audience: Audience
) -> None:
    Path(audience.warehouse.location).unlink()
    response = as_alice.post(url(audience), headers={"HX-Request": "true"})
    assert "3 recipients" in words(response)
    assert "does not exist" in words(response)
    assert "does not exist" in words(as_alice.post(url(audience), follow=True))


def test_a_warehouse_that_became_another_accounts_is_not_asked(as_alice: Client, audience: Audience) -> None:
    Warehouse.objects.update(account=account("Contoso"))
    Audience.objects.update(size=1)
    response = as_alice.post(url(audience), headers={"HX-Request": "true"})
    assert "Its warehouse belongs to another account." in words(response)
    audience.refresh_from_db()
    assert audience.size == 1


def test_it_does_not_lead_to_a_campaign_that_the_person_may_not_see(
    as_alice: Client, audience: Audience
) -> None:
    theirs = make_campaign(account=account("Contoso"))
    assert as_alice.post(url(audience), {"campaign": str(theirs.pk)}).status_code == 404
    assert as_alice.post(url(audience), {"campaign": "x"})["Location"] == audience.get_absolute_url()


def test_looking_is_not_counting(as_alice: Client, audience: Audience) -> None:
    assert as_alice.get(url(audience)).status_code == 405


def test_charlie_does_not_find_it(as_charlie: Client, audience: Audience) -> None:
    assert as_charlie.post(url(audience)).status_code == 404
