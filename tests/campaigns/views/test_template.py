from django.test import Client

from campaigns.models import Audience, Campaign, Template
from tests.campaigns.cast import template as make_template
from tests.campaigns.cast import words


def test_it_is_read_as_the_campaign_that_sends_it(as_alice: Client, campaign: Campaign) -> None:
    template = make_template(subject="{{ supplemental.discount }} for {{ first_name }}")
    Campaign.objects.update(template=template, supplemental={"discount": "30 %"})
    response = as_alice.get(template.get_absolute_url())
    assert "30 % for Ann" in words(response)
    assert (
        f'src="{template.get_absolute_url()}preview/?for=campaign-{campaign.pk}"' in response.content.decode()
    )


def test_without_a_campaign_it_is_read_for_an_audience(
    as_alice: Client, template: Template, audience: Audience
) -> None:
    response = as_alice.get(template.get_absolute_url())
    assert "Hello Ann" in words(response)
    assert f"?for=audience-{audience.pk}" in response.content.decode()


def test_a_variable_that_the_audience_has_not_is_a_warning(as_alice: Client, audience: Audience) -> None:
    template = make_template(text='{{ nick|default("") }}')
    assert '"nick": no such column in the Audience "Everybody".' in words(
        as_alice.get(template.get_absolute_url())
    )


def test_without_any_audience_variables_stand_for_themselves(as_alice: Client, template: Template) -> None:
    assert "Hello [first_name]" in words(as_alice.get(template.get_absolute_url()))


def test_the_frame_is_sandboxed(as_alice: Client, template: Template) -> None:
    assert '<iframe name="message"' in as_alice.get(template.get_absolute_url()).content.decode()
    assert 'sandbox=""' in as_alice.get(template.get_absolute_url()).content.decode()


def test_it_saves(as_alice: Client, template: Template) -> None:
    data = {"name": "Autumn", "subject": "Other", "html": "<p>Other</p>", "text": "Other"}
    response = as_alice.post(template.get_absolute_url(), data, follow=True)
    assert '"Autumn" is saved.' in words(response)
    template.refresh_from_db()
    assert template.subject == "Other"


def test_an_error_leaves_the_stored_one_as_it_was(as_alice: Client, template: Template) -> None:
    data = {"name": "Autumn", "subject": "{{", "html": "<p>Other</p>", "text": "Other"}
    page = words(as_alice.post(template.get_absolute_url(), data))
    assert "This is the Template as it was saved last." in page
    template.refresh_from_db()
    assert template.text != "Other"


def test_charlie_does_not_find_it(as_charlie: Client, template: Template) -> None:
    assert as_charlie.get(template.get_absolute_url()).status_code == 404
    assert as_charlie.post(template.get_absolute_url(), {"name": "Mine"}).status_code == 404
