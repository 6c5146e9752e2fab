"""Somebody who sees a Job changes its rate in the browser."""

import html
import re
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from jobs import control, rating
from jobs.models import Job, RateChange
from jobs.rating import Rate
from tests.jobs.views import standing
from tests.jobs.views.test_detail import page, words

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response


@pytest.fixture
def running(job: Job) -> Job:
    standing.halfway(job)
    return Job.objects.get(pk=job.pk)


def address(job: Job) -> str:
    return reverse("jobs:rate", args=[job.pk])


def post(client: Client, job: Job, **typed: object) -> "Response":
    return client.post(address(job), {"seen": 0, "rate_per_hour": "", "domain_rates": "", "why": ""} | typed)


def text(response: "Response") -> str:
    return words(response.content.decode())


def test_it_is_asked_acknowledged_and_told(client: Client, running: Job) -> None:
    assert "Rate: As fast as the mail server takes them · Change the rate" in words(page(client, running))
    response = post(client, running, rate_per_hour=1200, domain_rates="Gmail.com 50\n", why="<b>warm up</b>")
    assert response.status_code == 303
    assert response["Location"] == running.get_absolute_url()
    shown = page(client, running)
    assert "<b>warm up" not in shown
    told = words(shown)
    assert "Rate asked: At most 1,200 messages per hour; per hour at most 50 to gmail.com." in told
    assert "Rate: As fast as the mail server takes them · Change the rate Asked by bob, " in told
    assert ": At most 1,200 messages per hour; per hour at most 50 to gmail.com. Not in force yet" in told
    assert "Before: As fast as the mail server takes them" in told
    assert "by bob" in told.lower()
    form = client.get(address(running)).content.decode()
    assert 'value="1200"' in form
    assert "gmail.com 50" in form
    assert 'name="seen" value="1"' in form


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"rate_per_hour": "0"}, "greater than or equal to 1"),
        ({"rate_per_hour": "many"}, "whole number"),
        ({"domain_rates": "gmail.com fast"}, "is no rate"),
        ({"domain_rates": "gmail 5"}, "no domain"),
        ({"why": "x" * 501}, "at most 500"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    client: Client, running: Job, typed: dict[str, str], said: str
) -> None:
    response = post(client, running, **({"rate_per_hour": "77"} | typed))
    assert response.status_code == 422
    assert said in text(response)
    [value] = typed.values()
    assert value in response.content.decode()
    assert not running.rate_changes.exists()


def test_a_stale_form_is_refused_and_shows_what_is_so_now(client: Client, running: Job, alice: User) -> None:
    control.change_rate(running, Rate(9, {}), by=alice, seen=0)
    response = post(client, running, rate_per_hour=77)
    assert response.status_code == 409
    assert "Somebody has changed the rate" in text(response)
    assert "At most 9 messages per hour" in text(response)
    assert 'value="77"' in response.content.decode()
    assert post(client, running, rate_per_hour=77, seen=1).status_code == 303


def settled(job: Job, outcome: RateChange.Outcome) -> str:
    rating.settle(job.rate_changes.get(), outcome)
    job.refresh_from_db()
    return outcome


def test_it_says_who_asked_and_since_when_it_is_in_force(client: Client, running: Job, alice: User) -> None:
    control.change_rate(running, Rate(9, {}), by=alice, seen=0)
    settled(running, RateChange.Outcome.IN_FORCE)
    told = words(page(client, running))
    assert "Rate: At most 9 messages per hour (as alice asked, in force since " in told
    assert "Rate asked: At most 9 messages per hour by alice" in told
    assert "Rate in force: At most 9 messages per hour" in told
    assert "Not in force yet" not in told


def test_it_says_since_when_the_cloud_is_away(client: Client, running: Job, alice: User) -> None:
    control.change_rate(running, Rate(9, {}), by=alice, seen=0)
    Job.objects.filter(pk=running.pk).update(waiting_for="The Cloud can't be reached.", waiting_since=Now())
    told = words(html.unescape(page(client, running)))
    assert re.search(r"Not in force yet; since \d\d:\d\d it waits: The Cloud can't be reached\.", told)


def test_what_the_cloud_refused_is_said_with_what_goes_on(client: Client, running: Job, alice: User) -> None:
    control.change_rate(running, Rate(9, {}), by=alice, seen=0)
    settled(running, RateChange.Outcome.REFUSED)
    told = words(page(client, running))
    assert "Rate: As fast as the mail server takes them · Change the rate" in told
    assert ": At most 9 messages per hour. The Cloud did not take it" in told
    assert "Change the rate" in told


def test_before_the_submission_it_is_kept(client: Client, job: Job) -> None:
    assert post(client, job, rate_per_hour=77).status_code == 303
    told = words(page(client, job))
    assert "Asked by bob, " in told
    assert "The Cloud hears of it with the Job, before anybody is contacted." in told
    assert not job.steps.filter(kind="controlling").exists()


def test_where_nothing_can_be_changed_the_page_says_why(client: Client, job: Job) -> None:
    standing.completed(job)
    assert "Change the rate" not in words(page(client, job))
    assert "The Job is over" in text(client.get(address(job)))
    assert post(client, job, rate_per_hour=77).status_code == 409
    assert not job.rate_changes.exists()


def test_whoever_does_not_see_the_job_does_not_change_it(running: Job, charlie: User, alice: User) -> None:
    other = Client()
    other.force_login(charlie)
    assert other.get(address(running)).status_code == 404
    assert post(other, running, rate_per_hour=77).status_code == 404
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(alice)
    assert post(careful, running, rate_per_hour=77).status_code == 403
    assert Client().get(address(running)).status_code == 302
