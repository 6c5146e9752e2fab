"""Supplemental Data on the form of a Campaign: one document, or one SELECT that is run when it is saved."""

from pathlib import Path

import pytest
from django.test import Client

from campaigns.models import Audience, Campaign
from jobs.models import Warehouse
from tests.campaigns.cast import errors_at, words
from tests.jobs.cast import account

SELECT = "SELECT 'autumn' AS season, 30 AS off UNION ALL SELECT 'winter', 40 ORDER BY off"
GIVEN = {
    "season": "autumn",
    "off": 30,
    "rows": [{"season": "autumn", "off": 30}, {"season": "winter", "off": 40}],
}
NEW = "/campaigns/new/"


def data(audience: Audience | None, sql: str = SELECT, **changes: str) -> dict[str, object]:
    fields: dict[str, object] = {"name": "Autumn sale", "supplemental": "", "supplemental_sql": sql}
    return {**fields, **({"audience": audience.pk} if audience else {}), **changes}


def test_saving_runs_the_select_and_keeps_what_it_gave(as_alice: Client, audience: Audience) -> None:
    assert as_alice.post(NEW, data(audience)).status_code == 303
    campaign = Campaign.objects.get()
    assert (campaign.supplemental_sql, campaign.supplemental) == (SELECT, GIVEN)


def test_previews_are_rendered_with_it(as_alice: Client, campaign: Campaign, audience: Audience) -> None:
    assert campaign.template
    campaign.template.subject = "{{ supplemental.season }} for {{ supplemental.rows|length }}"
    campaign.template.save()
    edited = data(audience, template=str(campaign.template_id))
    as_alice.post(f"{campaign.get_absolute_url()}edit/", edited)
    assert "autumn for 2" in words(as_alice.get(campaign.get_absolute_url()))


def test_a_document_and_a_select_are_one_too_many(as_alice: Client, audience: Audience) -> None:
    response = as_alice.post(NEW, data(audience, supplemental='{"season": "spring"}'))
    assert "Keep the one that is meant" in errors_at(response, "supplemental_sql")
    assert "SELECT &#x27;autumn&#x27;" in response.content.decode()
    assert "spring" in response.content.decode()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT nope", "nope"),
        ("DELETE FROM customers", "only reads"),
        ("SELECT * FROM customers WHERE id > 9", "It gives no row."),
        ("SELECT 1 AS rows", "stands for all rows"),
        ("SELECT {{ season }} AS season", "nobody has said what it stands for"),
        ("SELECT * FROM range(1001)", "more than 1,000 rows"),
    ],
)
def test_a_select_that_can_not_be_had_is_said_at_its_field(
    as_alice: Client, audience: Audience, sql: str, sentence: str
) -> None:
    response = as_alice.post(NEW, data(audience, sql))
    assert sentence in errors_at(response, "supplemental_sql")
    assert not Campaign.objects.exists()


def test_a_select_needs_the_audiences_warehouse(as_alice: Client, audience: Audience) -> None:
    response = as_alice.post(NEW, data(None))
    assert "Choose an Audience first" in errors_at(response, "supplemental_sql")
    Path(audience.warehouse.location).unlink()
    assert "does not exist" in errors_at(as_alice.post(NEW, data(audience)), "supplemental_sql")
    assert not Campaign.objects.exists()


def test_it_does_not_run_in_a_warehouse_that_became_another_accounts(
    as_alice: Client, audience: Audience, warehouse: Warehouse
) -> None:
    warehouse.account = account("Contoso")
    warehouse.save()
    for do in ("", "preview"):
        response = as_alice.post(NEW, data(audience, do=do))
        assert "belongs to another account" in errors_at(response, "supplemental_sql")
        assert "winter" not in words(response).replace(SELECT, "")


def test_the_form_shows_the_select_and_not_what_it_gave(as_alice: Client, audience: Audience) -> None:
    as_alice.post(NEW, data(audience))
    campaign = Campaign.objects.get()
    page = as_alice.get(f"{campaign.get_absolute_url()}edit/").content.decode()
    assert "UNION ALL" in page
    assert "&quot;season&quot;" not in page
    assert as_alice.post(f"{campaign.get_absolute_url()}edit/", data(audience)).status_code == 303


def test_a_document_may_take_its_place(as_alice: Client, audience: Audience) -> None:
    as_alice.post(NEW, data(audience))
    campaign = Campaign.objects.get()
    as_alice.post(f"{campaign.get_absolute_url()}edit/", data(audience, "", supplemental='{"a": 1}'))
    campaign.refresh_from_db()
    assert (campaign.supplemental_sql, campaign.supplemental) == ("", {"a": 1})
    as_alice.post(f"{campaign.get_absolute_url()}edit/", data(audience, ""))
    campaign.refresh_from_db()
    assert campaign.supplemental == {}


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_running_it_shows_what_it_gives_and_saves_nothing(
    as_alice: Client, audience: Audience, headers: dict[str, str]
) -> None:
    response = as_alice.post(NEW, data(audience, do="preview", name=""), headers=headers)
    assert '"season": "winter", "off": 40' in words(response)
    assert ("<html" in response.content.decode()) is not bool(headers)
    assert not errors_at(response, "name")
    assert not Campaign.objects.exists()


def test_running_it_says_what_is_wrong(as_alice: Client, audience: Audience) -> None:
    response = as_alice.post(NEW, data(audience, "SELECT nope", do="preview"), headers={"HX-Request": "true"})
    assert "The warehouse refuses the SQL" in words(response)
    nothing = as_alice.post(NEW, data(audience, "", do="preview"), headers={"HX-Request": "true"})
    assert "There is no SELECT to run." in words(nothing)


@pytest.mark.parametrize(("typed", "kept"), [("", None), ("20", 20), ("1000", 1000)])
def test_the_change_of_size_that_asks_may_be_said(as_alice: Client, typed: str, kept: int | None) -> None:
    as_alice.post(NEW, {"name": "Autumn sale", "most_change": typed})
    assert Campaign.objects.get().most_change == kept


@pytest.mark.parametrize("typed", ["0", "-5", "1001", "some"])
def test_a_change_of_size_that_means_nothing_is_refused(as_alice: Client, typed: str) -> None:
    assert errors_at(as_alice.post(NEW, {"name": "Autumn sale", "most_change": typed}), "most_change")
    assert not Campaign.objects.exists()
