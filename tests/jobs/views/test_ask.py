"""Asking something of a Job: acknowledged or refused with a sentence, with and without a script."""

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Ask, Job
from jobs.states import State, Wish
from tests.jobs.views import standing

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

HTMX = {"HX-Request": "true"}


def post(
    client: Client, job: Job, wish: str, *, seen: int | None = None, htmx: bool = False, why: str = ""
) -> "Response":
    data = {"wish": wish, "seen": job.version if seen is None else seen, "why": why}
    return client.post(standing.asking(job), data, headers=HTMX if htmx else {})


def test_bob_pauses_the_job_of_his_team_without_a_script(client: Client, job: Job, bob: User) -> None:
    response = post(client, job, "pause", why="wrong banner")
    assert response.status_code == 303
    assert response["Location"] == standing.detail(job)
    job.refresh_from_db()
    assert job.state == State.PAUSED
    ask = job.asks.get()
    assert (ask.by, ask.why, ask.outcome) == (bob, "wrong banner", Ask.Outcome.GRANTED)
    text = client.get(standing.detail(job)).content.decode()
    assert "Paused. The extraction is being stopped" in text


def test_with_htmx_the_answer_is_every_live_part_and_the_message(client: Client, job: Job) -> None:
    standing.halfway(job)
    response = post(client, job, "pause", htmx=True)
    assert response.status_code == 200
    text = response.content.decode()
    assert "<html" not in text
    for part in ('id="live"', 'id="state"', 'id="record"', 'hx-swap-oob="innerHTML:#messages"'):
        assert part in text
    assert "Pause asked. The Job shows Paused once the Cloud has confirmed." in text
    assert "Pause asked by bob" in text
    assert "Pause asked. The Job" not in client.get(standing.detail(job)).content.decode()


def test_resume_and_cancel_go_through_the_same_door(client: Client, job: Job, alice: User) -> None:
    standing.paused(job, alice)
    post(client, job, "resume")
    assert job.asks.get(outcome="pending").wish == Wish.RESUME
    post(client, job, "cancel", why="enough")
    pending = job.asks.get(outcome="pending")
    assert (pending.wish, pending.why) == (Wish.CANCEL, "enough")


def test_a_stale_ask_is_refused_with_a_sentence(client: Client, job: Job, alice: User) -> None:
    standing.asked(job, Wish.PAUSE, alice)
    response = post(client, job, "pause", seen=0)
    assert response.status_code == 303
    text = client.get(standing.detail(job)).content.decode()
    assert "message-error" in text
    assert "The Job has changed since your page was loaded: it is Paused now." in text


def test_with_htmx_a_refusal_is_shown_beside_the_job_as_it_is_now(client: Client, job: Job) -> None:
    standing.halfway(job)
    response = post(client, job, "cancel", seen=0, htmx=True)
    assert response.status_code == 200
    text = response.content.decode()
    assert "Too late for an Extraction Cancel" in text
    assert "message-error" in text
    assert "state-processing" in text
    assert job.asks.count() == 0


def test_a_job_must_be_paused_before_it_is_cancelled(client: Client, job: Job) -> None:
    standing.halfway(job)
    post(client, job, "cancel")
    assert "Pause the Job before cancelling it." in client.get(standing.detail(job)).content.decode()
    assert job.asks.count() == 0


def test_charlie_asks_in_vain(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert post(browser, job, "pause").status_code == 404
    assert job.asks.count() == 0


def test_sam_of_support_may_ask(sam: User, job: Job) -> None:
    browser = Client()
    browser.force_login(sam)
    post(browser, job, "pause")
    assert job.asks.get().by == sam


def test_a_reason_is_stored_without_control_characters(client: Client, job: Job) -> None:
    assert post(client, job, "pause", why="wrong\0 banner\x1b").status_code == 303
    assert job.asks.get().why == "wrong banner"


def test_nonsense_is_a_bad_request(client: Client, job: Job) -> None:
    assert post(client, job, "explode").status_code == 400
    assert client.post(standing.asking(job), {"wish": "pause"}).status_code == 400
    assert job.asks.count() == 0


def test_only_a_post_asks(client: Client, job: Job) -> None:
    assert client.get(standing.asking(job)).status_code == 405


def test_a_post_without_its_token_is_refused(job: Job, bob: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob)
    assert post(browser, job, "pause").status_code == 403
    assert job.asks.count() == 0
