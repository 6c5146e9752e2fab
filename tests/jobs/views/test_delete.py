"""/jobs/<id>/delete/: possible at rest, advised against, final for the interface."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import control
from jobs.models import Job
from jobs.states import Wish


@pytest.fixture
def failed(job: Job, bob: User) -> Job:
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    job.refresh_from_db()
    return job


def at(job: Job) -> str:
    return reverse("jobs:delete", args=[job.pk])


def test_it_warns_and_advises_against_it(client: Client, failed: Job, alice: User) -> None:
    client.force_login(alice)
    page = client.get(at(failed)).content.decode()
    assert "We advise against it" in page
    assert "Delete the Job" in page
    assert Job.objects.get(pk=failed.pk).deleted_at is None


def test_a_deleted_job_is_gone_from_pages_search_and_admin_and_its_ledger_lives_on(
    client: Client, admin_user: User, failed: Job, alice: User
) -> None:
    client.force_login(alice)
    assert client.post(at(failed)).status_code == 303
    assert client.get(failed.get_absolute_url()).status_code == 404
    found = client.get(reverse("jobs:list"), {"q": str(failed.pk)}).content.decode()
    assert failed.get_absolute_url() not in found
    client.force_login(admin_user)
    assert client.get(reverse("admin:jobs_job_change", args=[failed.pk])).status_code == 302
    kept = Job.objects.get(pk=failed.pk)
    assert (kept.deleted_by, kept.transitions.count(), kept.asks.count()) == (alice, 2, 1)


def test_a_job_that_does_not_rest_is_not_deleted(client: Client, job: Job, alice: User) -> None:
    client.force_login(alice)
    assert "Only a Job that is Completed or Failed can be deleted" in client.get(at(job)).content.decode()
    client.post(at(job))
    assert Job.objects.get(pk=job.pk).deleted_at is None
    assert client.get(job.get_absolute_url()).status_code == 200


def test_charlie_does_not_find_it(client: Client, failed: Job, charlie: User) -> None:
    client.force_login(charlie)
    assert client.post(at(failed)).status_code == 404
    assert Job.objects.get(pk=failed.pk).deleted_at is None
