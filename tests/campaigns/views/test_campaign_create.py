import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Audience, Campaign, SendingProfile, Template
from tests.campaigns.cast import audience as make_audience
from tests.campaigns.cast import errors_at, words
from tests.jobs.cast import account, person

URL = "/campaigns/new/"


def test_only_the_name_is_needed(as_alice: Client) -> None:
    response = as_alice.post(URL, {"name": "Autumn sale"})
    campaign = Campaign.objects.get()
    assert (response.status_code, response["Location"]) == (303, campaign.get_absolute_url())
    assert (campaign.account.name, campaign.supplemental) == ("Northwind", {})


def test_all_parts_can_be_given(
    as_alice: Client, audience: Audience, template: Template, profile: SendingProfile
) -> None:
    as_alice.post(
        URL,
        {
            "name": "Autumn sale",
            "audience": audience.pk,
            "template": template.pk,
            "sending_profile": profile.pk,
            "notification_address": "team@northwind.example",
            "rate_per_hour": "5000",
            "domain_rates": "GMail.com 20,000\r\n\r\nxn--hron-5qa.example: 7",
            "supplemental": '{"discount": 30}',
        },
    )
    campaign = Campaign.objects.get()
    assert (campaign.audience, campaign.template, campaign.sending_profile) == (audience, template, profile)
    assert (campaign.rate_per_hour, campaign.supplemental) == (5000, {"discount": 30})
    assert campaign.domain_rates == {"gmail.com": 20_000, "xn--hron-5qa.example": 7}
    shown = as_alice.get(f"{campaign.get_absolute_url()}edit/").content.decode()
    assert "gmail.com 20000\nxn--hron-5qa.example 7</textarea>" in shown


def test_the_persons_own_address_is_proposed_for_notifications(as_alice: Client, alice: User) -> None:
    assert f'value="{alice.email}"' in as_alice.get(URL).content.decode()


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(as_alice: Client) -> None:
    response = as_alice.post(
        URL,
        {
            "name": "Autumn sale",
            "notification_address": "nobody",
            "rate_per_hour": "0",
            "supplemental": "[1]",
        },
    )
    assert errors_at(response, "notification_address")
    assert errors_at(response, "rate_per_hour")
    assert "one JSON object" in errors_at(response, "supplemental")
    assert 'value="Autumn sale"' in response.content.decode()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("gmail.com 5\n@gmail.com 6", "gmail.com is there twice."),
        ("gmail.com <b>fast</b>", '"gmail.com <b>fast</b>" is no rate'),
        ("gmail.com 0", "must be a whole number from 1"),
    ],
)
def test_rates_that_are_none_are_refused_and_not_lost(as_alice: Client, typed: str, said: str) -> None:
    response = as_alice.post(URL, {"name": "Autumn sale", "domain_rates": typed})
    assert said in html.unescape(errors_at(response, "domain_rates"))
    assert f"{html.escape(typed)}</textarea>" in response.content.decode()
    assert not Campaign.objects.exists()


def test_supplemental_data_has_a_limit(as_alice: Client) -> None:
    response = as_alice.post(URL, {"name": "Autumn sale", "supplemental": '{"a": "' + "x" * 1_000_001 + '"}'})
    assert "larger than 1000 kB" in errors_at(response, "supplemental")


@pytest.mark.parametrize(
    "value", [r'"\u0000"', "NaN", "1e400", "Infinity", r'"\ud800"', "[" * 5000 + "]" * 5000]
)
def test_supplemental_data_that_can_not_be_stored_is_refused_and_not_lost(
    as_alice: Client, value: str
) -> None:
    response = as_alice.post(URL, {"name": "Autumn sale", "supplemental": f'{{"a": {value}}}'})
    assert response.status_code == 200
    assert errors_at(response, "supplemental")
    assert f'{{"a": {value}}}</textarea>' in html.unescape(response.content.decode())
    assert not Campaign.objects.exists()


def test_no_supplemental_data_is_an_empty_field(as_alice: Client) -> None:
    assert re.search(r'<textarea name="supplemental"[^>]*>\s*</textarea>', as_alice.get(URL).content.decode())


def test_parts_of_other_accounts_are_not_offered(as_charlie: Client, audience: Audience) -> None:
    assert "Everybody" not in words(as_charlie.get(URL))
    response = as_charlie.post(URL, {"name": "Mine", "audience": audience.pk})
    assert errors_at(response, "audience")
    assert not Campaign.objects.exists()


def test_somebody_of_two_accounts_chooses_one(client: Client, audience: Audience) -> None:
    client.force_login(person("dora", account(), account("Contoso")))
    assert "Account" in words(client.get(URL))
    assert errors_at(client.post(URL, {"name": "Autumn sale"}), "account")
    client.post(URL, {"name": "Autumn sale", "account": account("Contoso").pk})
    assert Campaign.objects.get().account.name == "Contoso"


def test_the_parts_must_belong_to_the_chosen_account(client: Client, audience: Audience) -> None:
    client.force_login(person("dora", account(), account("Contoso")))
    data = {"name": "Autumn sale", "account": account("Contoso").pk, "audience": audience.pk}
    assert 'belongs to the account "Northwind"' in errors_at(client.post(URL, data), "audience")


def test_somebody_without_an_account_is_told_so(client: Client, nora: User) -> None:
    client.force_login(nora)
    assert "You are in no account yet" in words(client.get(URL))
    client.post(URL, {"name": "Autumn sale"})
    assert not Campaign.objects.exists()


def test_an_account_that_is_not_hers_can_not_be_chosen(as_alice: Client, charlie: User) -> None:
    as_alice.post(URL, {"name": "Autumn sale", "account": account("Contoso").pk})
    assert Campaign.objects.get().account.name == "Northwind"


def test_audiences_of_the_account_are_offered(as_alice: Client, audience: Audience) -> None:
    make_audience(audience.warehouse, name="Not ours", account=account("Contoso"))
    page = words(as_alice.get(URL))
    assert "Everybody" in page
    assert "Not ours" not in page
