from django.test import Client

from campaigns.models import Campaign


def url(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.pk}/edit/"


def test_it_shows_what_is_there(as_alice: Client, campaign: Campaign) -> None:
    page = as_alice.get(url(campaign)).content.decode()
    assert 'value="Autumn sale"' in page
    assert "selected" in page


def test_it_saves_and_leads_back_to_the_overview(as_alice: Client, campaign: Campaign) -> None:
    response = as_alice.post(url(campaign), {"name": "Winter sale", "audience": campaign.audience_id})
    assert (response.status_code, response["Location"]) == (303, campaign.get_absolute_url())
    campaign.refresh_from_db()
    assert (campaign.name, campaign.template) == ("Winter sale", None)


def test_a_refused_name_does_not_become_the_title(as_alice: Client, campaign: Campaign) -> None:
    response = as_alice.post(url(campaign), {"name": "x" * 151})
    assert "<h1>Edit Autumn sale</h1>" in response.content.decode()
    assert "x" * 151 in response.content.decode()


def test_the_account_stays(as_alice: Client, campaign: Campaign) -> None:
    assert 'name="account"' not in as_alice.get(url(campaign)).content.decode()


def test_charlie_does_not_find_it(as_charlie: Client, campaign: Campaign) -> None:
    assert as_charlie.get(url(campaign)).status_code == 404
    assert as_charlie.post(url(campaign), {"name": "Mine"}).status_code == 404
    campaign.refresh_from_db()
    assert campaign.name == "Autumn sale"
