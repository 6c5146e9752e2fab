import pytest
from django.http import HttpResponseBase
from django.test import Client

from campaigns.models import Audience, Campaign, Template
from tests.campaigns.cast import template as make_template
from tests.jobs.cast import account


def url(template: Template, asked: str = "") -> str:
    return f"/campaigns/templates/{template.pk}/preview/?{asked}"


def directives(response: HttpResponseBase) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_it_is_the_message_for_a_record_of_the_sample(
    as_alice: Client, template: Template, audience: Audience
) -> None:
    asked = f"for=audience-{audience.pk}"
    assert "<p>Hello Ann</p>" in as_alice.get(url(template, asked)).content.decode()
    assert "<p>Hello Ben</p>" in as_alice.get(url(template, f"{asked}&record=1")).content.decode()


def test_it_is_the_message_as_a_campaign_sends_it(as_alice: Client, campaign: Campaign) -> None:
    template = make_template(html="{{ supplemental.discount }} for {{ first_name }}")
    Campaign.objects.update(supplemental={"discount": "30 %"})
    assert as_alice.get(url(template, f"for=campaign-{campaign.pk}")).content.decode() == "30 % for Ann"


def test_it_has_a_policy_of_its_own(as_alice: Client, template: Template) -> None:
    response = as_alice.get(url(template))
    policy = directives(response)
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'unsafe-inline'"
    assert policy["img-src"] == "https: data:"
    assert policy["sandbox"] == ""
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_data_is_escaped_as_it_will_be_for_recipients(as_alice: Client, audience: Audience) -> None:
    audience.sample = [[["id", 1], ["email", "a@example.com"], ["first_name", "<script>"]]]
    audience.save()
    template = make_template(html="{{ first_name }}")
    assert as_alice.get(url(template, f"for=audience-{audience.pk}")).content == b"&lt;script&gt;"


def test_a_template_that_fails_is_a_sentence(as_alice: Client, audience: Audience) -> None:
    template = make_template(html="{{ nick }}")
    response = as_alice.get(url(template, f"for=audience-{audience.pk}"))
    assert response["Content-Type"].startswith("text/plain")
    assert '"nick" is missing or empty' in response.content.decode()
    assert directives(response)["sandbox"] == ""


@pytest.mark.parametrize("asked", ["for=audience-x", "for=oh", "record=-1", "record=99999", "for=audience-²"])
def test_what_makes_no_sense_is_a_preview_for_nobody(
    as_alice: Client, template: Template, asked: str
) -> None:
    assert "Hello [first_name]" in as_alice.get(url(template, asked)).content.decode()


def test_charlie_finds_neither_template_nor_audience(
    as_charlie: Client, template: Template, audience: Audience, campaign: Campaign
) -> None:
    assert as_charlie.get(url(template)).status_code == 404
    own = make_template(account=account("Contoso"))
    assert as_charlie.get(url(own)).status_code == 200
    assert as_charlie.get(url(own, f"for=audience-{audience.pk}")).status_code == 404
    assert as_charlie.get(url(own, f"for=campaign-{campaign.pk}")).status_code == 404
