"""Somebody who sees a Job changes its rate in the browser."""

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import control
from jobs.models import Job
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
    assert "As fast as the mail server takes them · Change the rate" in words(page(client, running))
    response = post(client, running, rate_per_hour=1200, domain_rates="Gmail.com 50\n", why="<b>warm up</b>")
    assert response.status_code == 303
    assert response["Location"] == running.get_absolute_url()
    shown = page(client, running)
    assert "<b>warm up" not in shown
    told = words(shown)
    assert "Rate asked: at most 1,200 messages per hour; per hour at most 50 to gmail.com." in told
    assert (
        "At most 1,200 messages per hour; per hour at most 50 to gmail.com (asked, waiting for the Cloud)"
        in told
    )
    assert "Rate changed: at most 1,200 messages per hour" in told
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


def test_where_nothing_can_be_changed_the_page_says_why(client: Client, job: Job) -> None:
    assert "Change the rate" not in words(page(client, job))
    assert "once the Cloud has the Job" in text(client.get(address(job)))
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
