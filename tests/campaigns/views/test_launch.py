import re
import threading
import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from campaigns.models import Audience, Campaign, Launch
from jobs.models import Job
from tests.campaigns.cast import Answer, words
from tests.campaigns.cast import campaign as make_campaign


def url(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.pk}/launch/"


def token_of(response: Answer) -> str:
    found = re.search(r'name="token" value="([^"]+)"', response.content.decode())
    assert found
    return found[1]


def test_the_confirmation_says_in_numbers_what_will_happen(as_alice: Client, campaign: Campaign) -> None:
    page = words(as_alice.get(url(campaign)))
    for expected in (
        "Launch Autumn sale?",
        "3 recipients of the Audience Everybody (counted just now ) will be sent the Template Autumn.",
        "Hello Ann",
        "Northwind <news@northwind.example>",
        "Notifications go to team@northwind.example",
        "You can cancel without contacting anybody until extraction has finished.",
    ):
        assert expected in page


@pytest.mark.parametrize("page", ["", "launch/"])
def test_overview_and_confirmation_say_the_rates(as_alice: Client, campaign: Campaign, page: str) -> None:
    campaign.domain_rates = {"gmail.com": 20_000}
    campaign.save()
    said = words(as_alice.get(f"{campaign.get_absolute_url()}{page}"))
    assert "As fast as the mail server takes them" in said
    assert "20,000 per hour to gmail.com" in said


def test_an_audience_that_was_never_counted_is_not_given_a_number(
    as_alice: Client, campaign: Campaign
) -> None:
    Audience.objects.update(size=None, counted_at=None)
    assert "Everybody in the Audience Everybody (size not counted yet)" in words(as_alice.get(url(campaign)))


def test_an_audience_that_was_empty_is_warned_about(as_alice: Client, campaign: Campaign) -> None:
    Audience.objects.update(size=0)
    assert "The Audience was empty when it was counted" in words(as_alice.get(url(campaign)))


def test_the_dialog_is_the_same_form_without_the_page(as_alice: Client, campaign: Campaign) -> None:
    response = as_alice.get(url(campaign), headers={"HX-Request": "true"})
    part = response.content.decode()
    assert "<html" not in part
    assert part.strip().startswith("<form")
    assert 'id="dialog-title"' in part
    assert token_of(response)


def test_every_form_has_a_token_of_its_own(as_alice: Client, campaign: Campaign) -> None:
    first, second = as_alice.get(url(campaign)), as_alice.get(url(campaign))
    assert token_of(first) != token_of(second)
    assert "no-store" in first["Cache-Control"]


def test_confirming_launches_and_leads_to_the_job(as_alice: Client, campaign: Campaign, alice: User) -> None:
    token = token_of(as_alice.get(url(campaign)))
    response = as_alice.post(url(campaign), {"token": token})
    launch = Launch.objects.get()
    assert launch.job
    assert (response.status_code, response["Location"]) == (303, launch.job.get_absolute_url())
    assert (launch.by, str(launch.token)) == (alice, token)


def test_sending_the_form_again_leads_to_the_same_job(as_alice: Client, campaign: Campaign) -> None:
    token = token_of(as_alice.get(url(campaign)))
    places = {as_alice.post(url(campaign), {"token": token})["Location"] for _ in range(3)}
    assert len(places) == 1
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_copies_of_one_form_at_once_are_one_job(campaign: Campaign, alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    token = token_of(browser.get(url(campaign)))
    together = threading.Barrier(20)
    answers: list[tuple[int, str]] = []

    def press() -> None:
        try:
            copy = Client()
            copy.cookies = browser.cookies
            together.wait(timeout=30)
            response = copy.post(url(campaign), {"token": token})
            answers.append((response.status_code, response["Location"]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job = Job.objects.get()
    assert answers == [(303, job.get_absolute_url())] * 20
    assert Launch.objects.count() == 1


def test_a_campaign_that_is_blocked_shows_why_and_no_button(as_alice: Client) -> None:
    campaign = make_campaign()
    response = as_alice.get(url(campaign))
    assert "3 things to do" in words(response)
    assert "Launch the campaign" not in words(response)


def test_what_blocks_is_checked_again_when_the_form_is_sent(as_alice: Client, campaign: Campaign) -> None:
    token = token_of(as_alice.get(url(campaign)))
    Campaign.objects.update(notification_address="")
    response = as_alice.post(url(campaign), {"token": token})
    assert response.status_code == 409
    assert "there is no Notification Email Address. Nothing was launched." in words(response)
    assert not Job.objects.exists()


@pytest.mark.parametrize("data", [{}, {"token": ""}, {"token": "1"}])
def test_a_form_without_its_token_launches_nothing(
    as_alice: Client, campaign: Campaign, data: dict[str, str]
) -> None:
    response = as_alice.post(url(campaign), data)
    assert response.status_code == 409
    assert "Nothing was launched" in words(response)
    assert not Job.objects.exists()


def test_charlie_neither_finds_it_nor_launches_it(as_charlie: Client, campaign: Campaign) -> None:
    assert as_charlie.get(url(campaign)).status_code == 404
    assert as_charlie.post(url(campaign), {"token": str(uuid.uuid4())}).status_code == 404
    assert not Job.objects.exists()


def test_a_form_from_elsewhere_launches_nothing(campaign: Campaign, alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    response = browser.post(url(campaign), {"token": str(uuid.uuid4())})
    assert response.status_code == 403
    assert "This form has expired" in words(response)
    assert not Job.objects.exists()
