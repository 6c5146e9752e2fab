"""The recipients of one class of a Job; the Cloud of these tests can't be reached."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from jobs import results
from jobs.client import cloud
from jobs.models import Job
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
def test_each_listed_class_has_its_page(client: Client, job: Job, outcome: str) -> None:
    assert get(client, job, outcome).status_code == 200


@pytest.mark.parametrize("outcome", ["waiting", "in_flight", "nonsense"])
def test_a_class_without_a_list_is_not_found(client: Client, job: Job, outcome: str) -> None:
    assert get(client, standing.halfway(job), outcome).status_code == 404


def test_charlie_does_not_find_it(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert get(browser, standing.halfway(job), "bounced").status_code == 404
