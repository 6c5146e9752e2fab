"""The confirmation asks what the Audience's launch variables stand for this time."""

import re
import uuid

import pytest
from django.test import Client

from campaigns.models import Audience, Campaign, Launch
from jobs import warehouses
from jobs.models import Job, Warehouse
from tests.campaigns.cast import errors_at, words
from tests.jobs.cast import SQL

ASKING = "SELECT id, email, first_name FROM customers WHERE first_name = {{ whom }} AND id >= {{ least }} AND {{ all }}"
OWN = [
    {"name": "whom", "kind": "text", "value": "Ann"},
    {"name": "least", "kind": "number", "value": "1"},
    {"name": "all", "kind": "boolean", "value": "true"},
]


@pytest.fixture
def campaign(campaign: Campaign) -> Campaign:
    """Its Audience asks for three values."""
    Audience.objects.update(sql=ASKING, variables=OWN, size=1)
    return Campaign.objects.get()


def url(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.pk}/launch/"


def data(whom: str = "Ann", least: str = "1", all_: str = "true") -> dict[str, str]:
    return {
        "token": str(uuid.uuid4()),
        "value-whom": whom,
        "value-least": least,
        "value-all": all_,
    }


def begins(page: str, name: str) -> str:
    """What the text field of a variable holds."""
    found = re.search(rf'name="value-{name}" value="([^"]*)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_page_and_dialog_ask_and_begin_with_the_audiences_own_values(
    as_alice: Client, campaign: Campaign, headers: dict[str, str]
) -> None:
    response = as_alice.get(url(campaign), headers=headers)
    page = response.content.decode()
    assert (begins(page, "whom"), begins(page, "least")) == ("Ann", "1")
    assert '<option value="true" selected>Yes</option>' in page
    assert "With whom Ann, least 1, all yes the Audience had 1 recipient (counted just now )" in words(
        response
    )


def test_they_begin_with_the_last_launchs_values(as_alice: Client, campaign: Campaign) -> None:
    as_alice.post(url(campaign), data("Ben", "2", "false"))
    page = as_alice.get(url(campaign)).content.decode()
    assert (begins(page, "whom"), begins(page, "least")) == ("Ben", "2")
    assert '<option value="false" selected>No</option>' in page


def test_a_value_of_another_kind_than_at_the_last_launch_begins_anew(
    as_alice: Client, campaign: Campaign
) -> None:
    as_alice.post(url(campaign), data("Ben"))
    Audience.objects.update(variables=[{"name": "whom", "kind": "number", "value": "7"}, *OWN[1:]])
    assert begins(as_alice.get(url(campaign)).content.decode(), "whom") == "7"


def test_the_job_has_what_was_typed(as_alice: Client, campaign: Campaign) -> None:
    response = as_alice.post(url(campaign), data(" Ben ", "2.50", "false"))
    job = Job.objects.get()
    assert (response.status_code, response["Location"]) == (303, job.get_absolute_url())
    values = [(value.name, value.kind, value.value) for value in job.instructions.audience.variables]
    assert values == [("whom", "text", "Ben"), ("least", "number", "2.50"), ("all", "boolean", "false")]


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("whom", "", "Say what {{ whom }} stands for."),
        ("least", "two", "Write a number in digits"),
        ("all", "perhaps", "Write yes or no."),
    ],
)
def test_a_value_that_does_not_fit_launches_nothing_and_what_was_typed_is_still_there(
    as_alice: Client, campaign: Campaign, field: str, typed: str, sentence: str
) -> None:
    response = as_alice.post(url(campaign), data("Somebody else") | {f"value-{field}": typed})
    assert response.status_code == 409
    assert sentence in errors_at(response, f"value-{field}")
    assert "Nothing was launched." in words(response)
    if field != "whom":
        assert begins(response.content.decode(), "whom") == "Somebody else"
    if field == "least":
        assert begins(response.content.decode(), "least") == "two"
    assert not Job.objects.exists()
    assert not Launch.objects.exists()


def test_the_form_that_was_corrected_launches(as_alice: Client, campaign: Campaign) -> None:
    page = as_alice.post(url(campaign), data(least="two")).content.decode()
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    as_alice.post(url(campaign), data(least="2") | {"token": token[1]})
    assert Job.objects.get().instructions.audience.values["least"] == 2


def test_a_variable_that_came_after_the_form_was_opened_is_asked_for(
    as_alice: Client, campaign: Campaign
) -> None:
    Audience.objects.update(sql=f"{ASKING} AND email <> {{{{ other }}}}")
    response = as_alice.post(url(campaign), data())
    assert errors_at(response, "value-other") == "Say what {{ other }} stands for."
    assert not Job.objects.exists()


def test_a_form_that_launched_already_leads_to_its_job_whatever_it_says_now(
    as_alice: Client, campaign: Campaign
) -> None:
    first = data()
    place = as_alice.post(url(campaign), first)["Location"]
    assert as_alice.post(url(campaign), first | {"value-least": "two"})["Location"] == place
    assert Job.objects.count() == 1


@pytest.mark.parametrize("value", ["'; DROP TABLE customers; --", "Ann' OR '1'='1", "{{ least }}"])
def test_a_hostile_value_is_bound_by_the_job_and_selects_nobody(
    as_alice: Client, campaign: Campaign, warehouse: Warehouse, value: str
) -> None:
    as_alice.post(url(campaign), data(value))
    audience = Job.objects.get().instructions.audience
    assert audience.sql == ASKING
    assert audience.values["whom"] == value
    assert warehouses.count(warehouse, audience.sql, audience.values) == 0
    assert warehouses.count(warehouse, audience.sql, audience.values | {"whom": "Ann"}) == 1
    assert warehouses.count(warehouse, SQL) == 3


def test_values_are_escaped(as_alice: Client, campaign: Campaign) -> None:
    response = as_alice.post(url(campaign), data('"><script>alert(1)</script>', "two"))
    assert "<script>alert" not in response.content.decode()


def test_a_campaign_without_variables_asks_for_none(as_alice: Client, campaign: Campaign) -> None:
    Audience.objects.update(sql=SQL)
    assert "Who they are this time" not in words(as_alice.get(url(campaign)))
    as_alice.post(url(campaign), {"token": str(uuid.uuid4()), "value-whom": "Ann"})
    assert Job.objects.get().instructions.audience.variables == ()


def test_what_may_wait_for_a_confirmation_is_said_before(as_alice: Client, campaign: Campaign) -> None:
    Campaign.objects.update(most_change=20)
    page = words(as_alice.get(url(campaign)))
    assert "Waits for somebody to confirm if it differs by more than 20 % from 1" in page
