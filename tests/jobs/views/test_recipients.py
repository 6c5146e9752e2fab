"""The recipients of one class of a Job; the Cloud of these tests can't be reached."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from jobs import results
from jobs.client import cloud
from jobs.models import Job
from jobs.states import Wish
from jobs.views.recipients import COLUMNS
from tests.jobs.views import standing

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response


@pytest.fixture(autouse=True)
def cloud_that_is_away(settings: Settings) -> Iterator[None]:
    settings.CLOUD_URL = "http://127.0.0.1:1"
    cloud.cache_clear()
    yield
    cloud.cache_clear()


def get(client: Client, job: Job, outcome: str) -> "Response":
    return client.get(reverse("jobs:recipients", args=[job.pk, outcome]))


def test_a_cloud_that_is_away_gets_a_sentence(client: Client, job: Job) -> None:
    response = get(client, standing.halfway(job), "bounced")
    assert response.status_code == 503
    text = response.content.decode()
    assert "be reached" in text
    assert "5 of 100 extracted" in text


def test_a_job_that_the_cloud_never_accepted_has_nobody_to_list(client: Client, job: Job) -> None:
    response = get(client, standing.processing(job), "delivered")
    assert response.status_code == 200
    assert "nobody has been contacted" in response.content.decode()


@pytest.mark.parametrize("outcome", sorted(results.LISTED))
def test_each_listed_class_of_a_job_that_rests_has_its_page(
    client: Client, job: Job, alice: User, outcome: str
) -> None:
    standing.asked(job, Wish.CANCEL, alice)
    response = get(client, job, outcome)
    assert response.status_code == 200
    assert "nobody has been contacted" in response.content.decode()


@pytest.mark.parametrize("outcome", sorted(results.LISTED))
def test_each_class_says_what_it_is(client: Client, job: Job, alice: User, outcome: str) -> None:
    text = get(client, standing.cancelled(job, alice), outcome).content.decode()
    assert escape(COLUMNS[outcome].explanation) in text


@pytest.mark.parametrize("outcome", ["waiting", "in_flight", "not_sent", "nonsense"])
def test_a_class_without_a_list_is_not_found(client: Client, job: Job, outcome: str) -> None:
    assert get(client, standing.halfway(job), outcome).status_code == 404


@pytest.mark.parametrize(
    "after",
    [
        "1",
        "cloud:",
        "cloud:\n",
        "cloud:é",
        "spool:0",
        "spool:-1.0",
        "spool:9999999999.0",
        "spool:0.0",
        "\0",
        "x" * 9_000,
    ],
)
def test_a_cursor_that_no_page_gave_is_not_found(client: Client, job: Job, alice: User, after: str) -> None:
    standing.cancelled(job, alice)
    for outcome in ("bounced", "not_sent"):
        address = reverse("jobs:recipients", args=[job.pk, outcome])
        assert client.get(address, {"after": after}).status_code == 404


def test_what_the_bounced_and_the_suppressed_consist_of_is_said(client: Client, job: Job) -> None:
    standing.opened(standing.collecting(job))
    bounced = get(client, job, "bounced").content.decode()
    assert "<b>9</b> Hard: no such mailbox" in bounced
    assert "<b>3</b> Soft: mailbox full" in bounced
    suppressed = get(client, job, "suppressed").content.decode()
    assert "<b>4</b> Unsubscribed" in suppressed
    assert "<b>1</b> Same address twice in this Job" in suppressed


def test_charlie_does_not_find_it(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert get(browser, standing.halfway(job), "bounced").status_code == 404


@pytest.mark.parametrize("outcome", sorted(results.LISTED))
def test_after_its_time_nobody_is_listed_and_the_cloud_is_not_asked(
    client: Client, job: Job, alice: User, outcome: str
) -> None:
    """It is away, which would be said."""
    standing.cancelled(job, alice)
    assert get(client, job, outcome).status_code == 503
    Job.objects.filter(pk=job.pk).update(forgotten_at=Now())
    response = get(client, job, outcome)
    assert response.status_code == 410
    text = response.content.decode()
    assert "The records of this Job were deleted" in text
    assert "of 100 extracted" in text
    assert "Nobody here" not in text
    assert get(client, job, "nonsense").status_code == 404


def test_after_its_time_the_numbers_stand_without_links(client: Client, job: Job) -> None:
    standing.completed(standing.opened(job))
    before = client.get(standing.detail(job)).content.decode()
    assert {"delivered", "bounced", "suppressed"} <= set(linked(before))
    Job.objects.filter(pk=job.pk).update(forgotten_at=Now())
    after = client.get(standing.detail(job)).content.decode()
    assert linked(after) == []
    assert measures(after) == measures(before)


def linked(text: str) -> list[str]:
    return re.findall(r'href="[^"]*recipients/(\w+)/', text)


def measures(text: str) -> list[tuple[str, str]]:
    found = re.findall(r'data-measure="([^"]+)"[^>]*>([^<]*)<', text)
    assert len(found) > 5
    return found
