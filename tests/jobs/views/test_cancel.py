"""The confirmation of a cancel: exact numbers before anything is done."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from jobs.models import Job
from tests.jobs.views import standing


def page(client: Client, job: Job, **headers: str) -> str:
    response = client.get(reverse("jobs:cancel", args=[job.pk]), headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_before_the_freeze_nobody_is_contacted(client: Client, job: Job) -> None:
    text = page(client, job)
    assert "Cancelling now contacts nobody" in text
    assert "A notification mail goes to campaigns@northwind.example." in text


def test_after_it_the_numbers_are_exact(client: Client, job: Job, alice: User) -> None:
    text = page(client, standing.paused(job, alice))
    assert "30 people have received this message." in text
    assert "4 are being attempted and may still receive it." in text
    assert "57 will not be contacted." in text  # 40 not transferred, 16 waiting, 1 deferred
    assert escape("This can't be undone.") in text
    assert "Cancel the Job</button>" in text
    assert "Keep it" in text
    assert f'name="seen" value="{job.version}"' in text


def test_as_a_dialog_it_is_the_same_part_alone(client: Client, job: Job) -> None:
    text = page(client, job, **{"HX-Request": "true"})
    assert "<html" not in text
    assert 'id="dialog-title"' in text
    assert "hx-post" in text
    assert "hx-post" not in page(client, job)


def test_where_it_is_not_offered_it_says_why(client: Client, job: Job) -> None:
    text = page(client, standing.halfway(job))
    assert "Pause the Job before cancelling it." in text
    assert "Cancel the Job</button>" not in text


def test_a_very_large_job_comes_with_advice(
    client: Client, job: Job, alice: User, settings: Settings
) -> None:
    settings.LARGE_JOB = 99
    text = page(client, standing.paused(job, alice))
    assert "We advise to pause it and write to" in text
    assert "Cancel the Job</button>" in text


def test_charlie_does_not_find_it(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert browser.get(reverse("jobs:cancel", args=[job.pk])).status_code == 404
