"""The live parts of Job Analytics: only what is news is sent, and nothing once the Job rests."""

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import Job, Notice
from jobs.states import Wish
from jobs.views.picture import SETTLING
from tests.jobs.views import standing

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

HTMX = {"HX-Request": "true"}


def address(text: str) -> str:
    """Where the fragment asks for its news."""
    found = re.search(r'id="live" hx-get="([^"]+)"', text)
    assert found
    return html.unescape(found[1])


def poll(client: Client, url: str) -> "Response":
    return client.get(url, headers=HTMX)


def shown(client: Client, job: Job) -> str:
    return client.get(standing.detail(job)).content.decode()


def test_no_news_is_no_content(client: Client, job: Job) -> None:
    url = address(shown(client, job))
    assert poll(client, url).status_code == 204


def test_new_counts_leave_the_drop_down_alone(client: Client, job: Job) -> None:
    url = address(shown(client, job))
    Job.objects.filter(pk=job.pk).update(extracting=12_345)
    text = poll(client, url).content.decode()
    assert "12,345 extracted so far" in text
    assert "<html" not in text
    for part in ("state", "record", "identity", "messages"):
        assert f'id="{part}"' not in text
    assert poll(client, address(text)).status_code == 204


def test_a_new_state_replaces_the_drop_down(client: Client, job: Job) -> None:
    url = address(shown(client, job))
    standing.processing(job)
    text = poll(client, url).content.decode()
    assert '<div class="job-state" id="state" hx-swap-oob="true">' in text
    assert "The Job is Processing." in text
    assert "Extraction finished, now Processing" in text


def test_a_request_id_arrives_without_closing_an_open_menu(client: Client, job: Job) -> None:
    url = address(shown(client, standing.processing(job)))
    Job.objects.filter(pk=job.pk).update(request_id=standing.REQUEST_ID)
    text = poll(client, url).content.decode()
    assert 'data-copy="02-request"' in text
    assert 'id="state"' not in text


def test_an_ask_of_somebody_else_appears(client: Client, job: Job, alice: User) -> None:
    url = address(shown(client, standing.halfway(job)))
    standing.asked(job, Wish.PAUSE, alice)
    text = poll(client, url).content.decode()
    assert 'id="state" hx-swap-oob="true"' in text
    assert "Pause asked by alice" in text


def test_a_granted_ask_is_told_and_takes_its_acknowledgement_away(
    client: Client, job: Job, alice: User
) -> None:
    url = address(shown(client, standing.asked(standing.halfway(job), Wish.PAUSE, alice)))
    standing.granted(job, **standing.HALFWAY)
    text = poll(client, url).content.decode()
    assert "Paused, as alice asked. Nobody new is contacted." in text
    assert 'hx-swap-oob="innerHTML:#messages"' in text


@pytest.mark.parametrize("where", [standing.halfway, standing.collecting])
def test_it_polls_while_the_job_lives(client: Client, job: Job, where: Callable[[Job], Job]) -> None:
    assert "hx-trigger" in shown(client, where(job))


def test_polling_stops_at_rest(client: Client, job: Job) -> None:
    url = address(shown(client, standing.collecting(job)))
    Job.objects.filter(pk=job.pk).update(state="completed", version=job.version + 1)
    for text in (shown(client, job), poll(client, url).content.decode()):
        assert "hx-trigger" not in text
        assert 'id="live"' in text


def test_after_a_job_cancel_it_looks_for_results_now_and_then_until_their_time_is_over(
    client: Client, job: Job, alice: User
) -> None:
    text = shown(client, standing.cancelled(job, alice))
    assert 'hx-trigger="every 10s, look"' in text
    url = address(text)
    assert poll(client, url).status_code == 204
    Job.objects.filter(pk=job.pk).update(collecting_until=timezone.now())
    text = poll(client, url).content.decode()
    assert "hx-trigger" not in text
    assert "No more results" in text


def test_an_answer_tells_the_browser_once_that_nothing_more_comes(
    client: Client, job: Job, alice: User
) -> None:
    """Time alone ends the polling: no column of the Job changes."""
    url = address(shown(client, standing.asked(job, Wish.CANCEL, alice)))
    Job.objects.update(state_since=timezone.now() - SETTLING)
    text = poll(client, url).content.decode()
    assert 'id="live"' in text
    assert "hx-trigger" not in text


def test_new_results_are_news_that_leave_everything_else_alone(client: Client, job: Job) -> None:
    url = address(shown(client, standing.collecting(job)))
    standing.opened(job)
    text = poll(client, url).content.decode()
    assert '<span class="measure" data-measure="opens">40</span>' in text
    for part in ("figure", "state", "state-menu", "record", "identity", "messages"):
        assert f'id="{part}"' not in text
    assert poll(client, address(text)).status_code == 204


def test_after_an_extraction_cancel_it_waits_for_the_notification_mail_and_the_proof_a_little(
    client: Client, job: Job, alice: User
) -> None:
    standing.asked(job, Wish.CANCEL, alice)
    assert "hx-trigger" in shown(client, job)
    Job.objects.update(state_since=timezone.now() - SETTLING)
    assert "hx-trigger" not in shown(client, job)
    Job.objects.update(state_since=timezone.now())
    Notice.objects.update(outcome=Notice.Outcome.SENT, settled_at=timezone.now())
    assert "hx-trigger" in shown(client, job)
    Job.objects.update(denied_at=timezone.now())
    assert "hx-trigger" not in shown(client, job)
    Notice.objects.update(outcome=Notice.Outcome.PENDING, settled_at=None)
    assert "hx-trigger" in shown(client, job)


def test_charlie_gets_no_news(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert poll(browser, standing.detail(job)).status_code == 404
