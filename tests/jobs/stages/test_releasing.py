"""Recipients of whom nobody can know are tried again: by a permitted person, in the browser, at a real Cloud."""

import re
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from jobs import client, releasing
from jobs.client import CloudClient
from jobs.models import Job, Release
from jobs.states import State
from tests.jobs import cast
from tests.jobs.stages.conftest import run, run_until
from tests.mail import MailReceiver

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lost(sender: MailReceiver, alice: User, tmp_path: Path) -> Job:
    """Collecting: two have the message, and of a third nobody knows."""
    name = f"dropafterdot{uuid.uuid4().hex[:8]}@example.com"
    rows = [(1, "ann@example.com", "Ann"), (2, "ben@example.com", "Ben"), (3, name, "Lost")]
    job = run(cast.job(cast.customers(tmp_path / "lost.duckdb", rows), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    assert (job.counts.delivered, job.counts.unknown) == (2, 1)
    return job


@pytest.fixture
def browser(bob: User) -> Client:
    bob.user_permissions.add(Permission.objects.get(codename="release_unknowns"))
    browser = Client()
    browser.force_login(bob)
    return browser


def address(job: Job) -> str:
    return reverse("jobs:unknowns", args=[job.pk])


def page(browser: Client, job: Job) -> str:
    return browser.get(address(job)).content.decode()


def form(shown: str) -> dict[str, str]:
    """The fields of the last form."""
    fields = re.findall(r'name="(act|number)" value="([^"]+)"', shown)
    return dict(fields[-2:])


def post(browser: Client, job: Job, **fields: object) -> "Response":
    return browser.post(address(job), {"why": "the mail server's log has nothing of it"} | fields)


def arrived(receiver: MailReceiver) -> int:
    return sum(recipient.startswith("dropafterdot") for recipient in receiver.received())


def test_they_are_tried_again_once_and_the_job_follows(
    lost: Job, browser: Client, sender: MailReceiver, cloud: CloudClient
) -> None:
    assert 'href="unknowns/">Try again' in browser.get(lost.get_absolute_url()).content.decode()
    shown = page(browser, lost)
    assert "Try 1 again" in shown
    before = arrived(sender)
    fields = form(shown)
    first, second = post(browser, lost, **fields), post(browser, lost, **fields)
    assert (first.status_code, second.status_code) == (303, 303)
    sender.wait_until(lambda: arrived(sender) > before)
    act = lost.releases.get()
    assert (act.outcome, act.recipients, act.kind) == ("done", 1, "released")
    while not cloud.status(lost.pk).counts.unknown:
        threading.Event().wait(0.05)
    job = run(lost, "collecting")
    assert job.state == State.COLLECTING
    assert (job.counts.delivered, job.counts.unknown, job.counts.deferred) == (2, 1, 0)
    assert arrived(sender) == before + 1
    told = browser.get(lost.get_absolute_url()).content.decode()
    assert "1 unknown recipients tried again by" in told
    assert "the mail server&#x27;s log has nothing of it" in told


def test_who_opens_it_in_the_end_is_in_one_class(
    lost: Job, browser: Client, sender: MailReceiver, cloud: CloudClient, cloud_address: tuple[str, list[str]]
) -> None:
    """Unknown, tried again, unknown again, and then they open it."""
    before = arrived(sender)
    post(browser, lost, **form(page(browser, lost)))
    sender.wait_until(lambda: arrived(sender) > before)
    while not cloud.status(lost.pk).counts.unknown:
        threading.Event().wait(0.05)
    content = next(
        text for _, to, text in reversed(sender.messages) if to.startswith("dropafterdot")
    ).decode()
    [pixel] = re.findall(r"/o/[\w-]+", content)
    assert httpx2.get(cloud_address[0] + pixel, trust_env=False).status_code == 200
    job = run(lost, "collecting")
    assert (job.counts.delivered, job.counts.unknown, job.counts.deferred) == (3, 0, 0)
    for outcome, count in (("delivered", 3), ("unknown", 0)):
        listed = browser.get(reverse("jobs:recipients", args=[job.pk, outcome])).content.decode()
        assert listed.count("@example.com") == count


def test_whoever_may_not_is_refused(lost: Job, bob: User, charlie: User) -> None:
    browser = Client()
    browser.force_login(bob)
    assert browser.get(address(lost)).status_code == 403
    assert post(browser, lost, act=uuid.uuid4(), number=1).status_code == 403
    assert "Try again" not in browser.get(lost.get_absolute_url()).content.decode()
    charlie.user_permissions.add(Permission.objects.get(codename="release_unknowns"))
    browser.force_login(charlie)
    assert browser.get(address(lost)).status_code == 404
    careful = Client(enforce_csrf_checks=True)
    bob.user_permissions.add(Permission.objects.get(codename="release_unknowns"))
    careful.force_login(bob)
    assert post(careful, lost, act=uuid.uuid4(), number=1).status_code == 403
    assert not Release.objects.exists()


def test_what_is_not_as_the_person_saw_it_is_refused(lost: Job, browser: Client) -> None:
    fields = form(page(browser, lost))
    refused = post(browser, lost, **(fields | {"number": "7"}))
    assert refused.status_code == 409
    assert "There were 7 when you opened this page, and there are 1 now." in refused.content.decode()
    refused = post(browser, lost, **fields, why=" ")
    assert "Say why" in refused.content.decode()
    assert browser.post(address(lost), {"act": "x", "number": "1"}).status_code == 400
    assert not Release.objects.exists()
    Job.objects.filter(pk=lost.pk).update(state=State.COMPLETED)
    assert "The Job is over" in page(browser, lost)


def test_an_act_without_an_answer_is_kept_and_asked_again(
    lost: Job, browser: Client, settings: Settings, sender: MailReceiver
) -> None:
    fields = form(page(browser, lost))
    url = settings.CLOUD_URL
    act = Release.objects.create(
        job=lost,
        act=uuid.UUID(fields["act"]),
        kind="released",
        by=User.objects.get(username="bob"),
        why="x",
        seen=1,
    )
    client.cloud().close()
    settings.CLOUD_URL = "http://127.0.0.1:1"
    client.cloud.cache_clear()
    assert "can&#x27;t be reached now" in page(browser, lost)
    answer = post(browser, lost, **fields, why="x")
    assert answer.status_code == 503
    assert "it is done once" in answer.content.decode()
    client.cloud().close()
    settings.CLOUD_URL = url
    client.cloud.cache_clear()
    shown = page(browser, lost)
    assert "the Cloud has not answered" in shown
    before = arrived(sender)
    assert post(browser, lost, **fields, why="x").status_code == 303
    sender.wait_until(lambda: arrived(sender) > before)
    act.refresh_from_db()
    assert (act.outcome, act.recipients) == ("done", 1)


def test_a_process_that_the_cloud_does_not_know_is_not_gone(lost: Job, browser: Client) -> None:
    refused = post(browser, lost, do="gone", act=uuid.uuid4(), number=999_999)
    assert refused.status_code == 409
    assert "does not stand in the way" in refused.content.decode()
    assert not lost.releases.exists()


def test_what_was_done_stays_done_whoever_asked_at_the_same_time(
    lost: Job, browser: Client, sender: MailReceiver
) -> None:
    fields, before = form(page(browser, lost)), arrived(sender)
    assert post(browser, lost, **fields).status_code == 303
    # Another request with the same act, which had read it before and was refused.
    act = lost.releases.get()
    act.outcome = Release.Outcome.ASKED
    act.kind = Release.Kind.GONE
    act.sender = 999_999
    assert releasing.ask_again(act).outcome == "done"
    assert lost.releases.get().recipients == 1
    # Nobody is left to be sent to at the Cloud that the tests share.
    sender.wait_until(lambda: arrived(sender) > before)
