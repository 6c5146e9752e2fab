import uuid

from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from campaigns import launching
from campaigns.models import Campaign
from tests.campaigns.cast import campaign as make_campaign
from tests.campaigns.cast import words
from tests.jobs.cast import account, person

URL = "/campaigns/"


def test_it_asks_for_a_login(client: Client, db: None) -> None:
    response = client.get(URL)
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={URL}")


def test_it_lists_the_campaigns_of_the_account(as_alice: Client, campaign: Campaign) -> None:
    page = words(as_alice.get(URL))
    assert "Autumn sale" in page
    assert "Everybody 3 recipients" in page
    assert "Ready to launch" in page


def test_it_does_not_list_those_of_other_accounts(as_charlie: Client, campaign: Campaign) -> None:
    assert "Autumn sale" not in words(as_charlie.get(URL))


def test_control_characters_are_not_searched_for(as_alice: Client, campaign: Campaign) -> None:
    assert "Autumn sale" in words(as_alice.get(URL, {"q": "\0"}))


def test_it_says_how_much_is_to_do(as_alice: Client) -> None:
    make_campaign()
    assert "3 to do before launch" in words(as_alice.get(URL))


def test_it_shows_the_last_job(as_alice: Client, campaign: Campaign, alice: User) -> None:
    job = launching.launch(campaign, by=alice, token=uuid.uuid4())
    response = as_alice.get(URL)
    assert "Initializing" in words(response)
    assert job.get_absolute_url() in response.content.decode()


def test_it_searches_names(as_alice: Client, campaign: Campaign) -> None:
    make_campaign(name="Winter teaser")
    page = words(as_alice.get(URL, {"q": "WINTER"}))
    assert "Winter teaser" in page
    assert "Autumn sale" not in page
    assert "No campaign is called “spring”" in words(as_alice.get(URL, {"q": "spring"}))


def test_an_empty_list_teaches_what_a_campaign_is_made_of(as_alice: Client) -> None:
    page = words(as_alice.get(URL))
    for word in ("Plan your first campaign", "Audience", "Template", "Sending Profile"):
        assert word in page


def test_somebody_without_an_account_is_told_so(client: Client, nora: User) -> None:
    client.force_login(nora)
    page = words(client.get(URL))
    assert "You are in no account yet" in page
    assert "New campaign" not in page


def test_support_without_an_account_is_led_to_the_jobs(client: Client, sam: User) -> None:
    client.force_login(sam)
    assert "Every job is open to you" in words(client.get(URL))


def test_accounts_are_named_where_there_are_several(client: Client, campaign: Campaign) -> None:
    client.force_login(person("dora", account(), account("Contoso")))
    assert "Northwind" in words(client.get(URL))


def test_a_long_list_comes_in_pages(as_alice: Client) -> None:
    for number in range(51):
        make_campaign(name=f"Campaign {number:02}")
    assert "Page 1 of 2" in words(as_alice.get(URL))
    assert "Campaign 50" in words(as_alice.get(URL, {"page": "2"}))


def test_the_number_of_queries_does_not_grow_with_the_list(
    as_alice: Client, campaign: Campaign, alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        copy = make_campaign(name=f"Copy {number}", audience=campaign.audience, template=campaign.template)
        Campaign.objects.filter(pk=copy.pk).update(sending_profile=campaign.sending_profile)
        copy.refresh_from_db()
        launching.launch(copy, by=alice, token=uuid.uuid4())
    with django_assert_max_num_queries(9):
        as_alice.get(URL)
