"""The timeline of a Job: its latest lines on the page, all of them behind it, however often it was paused."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.db.models.signals import post_init
from django.test import Client
from django.urls import reverse

from jobs.models import Ask, Job, Transition
from jobs.states import Cause, State, Wish
from jobs.views.timeline import PAGE
from tests.jobs.views import standing
from tests.jobs.views.test_live import HTMX

LINE = re.compile(r'<li class="timeline-entry">.*?<p>(.*?)</p>', re.DOTALL)
AFTER = timedelta(seconds=1)


def paused_and_resumed(job: Job, times: int, by: User) -> Job:
    """So many times, a second each since yesterday; an Ask and its move have the time of one transaction."""
    before, began = job.asks.count(), job.created_at - timedelta(days=1)
    job.transitions.filter(number__lte=1).update(at=began)
    for number in range(before + 1, before + 2 * times + 1):
        pause = bool(number % 2)
        wish, cause = (Wish.PAUSE, Cause.PAUSE) if pause else (Wish.RESUME, Cause.RESUME)
        at = began + number * AFTER
        version = job.version + number - before
        ask = Ask.objects.create(
            job=job,
            number=number,
            wish=wish,
            by=by,
            at=at,
            why=f"ask {number}",
            seen_state=State.PROCESSING if pause else State.PAUSED,
            seen_version=version - 1,
            outcome=Ask.Outcome.GRANTED,
        )
        Transition.objects.create(
            job=job,
            number=version,
            at=at,
            origin=ask.seen_state,
            target=State.PAUSED if pause else State.PROCESSING,
            cause=cause,
            by=by,
            why=f"move {number}",
            ask=ask,
        )
    Job.objects.filter(pk=job.pk).update(version=job.version + 2 * times, last_ask=before + 2 * times)
    job.refresh_from_db()
    return job


@contextmanager
def rows() -> Iterator[list[type[Model]]]:
    """What of the ledger is read meanwhile."""
    found: list[type[Model]] = []

    def read(sender: type[Model], **_: object) -> None:
        found.append(sender)

    for model in (Ask, Transition):
        post_init.connect(read, sender=model)
    yield found
    for model in (Ask, Transition):
        post_init.disconnect(read, sender=model)


def ledger(job: Job) -> str:
    return reverse("jobs:timeline", args=[job.pk])


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def pages(client: Client, job: Job) -> list[str]:
    """All of them, as they lead to each other."""
    found = [text_of(client, ledger(job))]
    while link := re.search(r'rel="next" href="([^"]+)"', found[-1]):
        found.append(text_of(client, ledger(job) + html.unescape(link[1])))
    return found


def test_asks_cost_as_much_after_many_pauses_as_after_some(client: Client, job: Job, bob: User) -> None:
    standing.halfway(job)
    read, size = [], []
    for times in (50, 100):
        paused_and_resumed(job, times, bob)
        asking = {"wish": Wish.PAUSE, "seen": job.version}
        with rows() as found:
            looked = client.get(standing.detail(job))
            polled = client.get(standing.detail(job), headers=HTMX)
            asked = client.post(standing.asking(job), asking, headers=HTMX)
        assert "Pause asked" in asked.content.decode()
        job.asks.filter(outcome=Ask.Outcome.PENDING).delete()
        read.append(sorted(model.__name__ for model in found))
        size.append([len(LINE.findall(answer.content.decode())) for answer in (looked, polled, asked)])
    assert read[0] == read[1]
    assert size == [[PAGE, PAGE, PAGE + 1]] * 2  # the Ask that waits is in front, and no pair is parted


def test_a_short_timeline_is_all_there_is(client: Client, job: Job) -> None:
    assert "timeline-all" not in text_of(client, standing.detail(job))
    (only,) = pages(client, job)
    assert LINE.findall(only) == ["Launched by alice"]


def test_earlier_lines_are_behind_it_each_once(client: Client, job: Job, bob: User) -> None:
    paused_and_resumed(standing.halfway(job), 2 * PAGE, bob)
    shown = text_of(client, standing.detail(job))
    assert f'id="timeline-all" href="{ledger(job)}"' in shown
    found = pages(client, job)
    assert LINE.findall(found[0]) == LINE.findall(shown)
    whys = [why for page in found for why in re.findall(r'timeline-why">(.*?)</p>', page)]
    assert whys == [f"{what} {number}" for number in range(4 * PAGE, 0, -1) for what in ("move", "ask")]
    assert LINE.findall(found[-1])[-2:] == ["Extraction finished, now Processing", "Launched by alice"]


def test_what_happened_in_one_moment_stands_on_one_page(client: Client, job: Job, bob: User) -> None:
    paused_and_resumed(standing.halfway(job), PAGE, bob)
    newest = job.transitions.order_by("number").last()
    assert newest
    Transition.objects.create(
        job=job,
        number=newest.number + 1,
        at=newest.at + AFTER,
        origin=State.PROCESSING,
        target=State.COLLECTING,
        cause=Cause.ALL_ATTEMPTED,
    )
    first, second, *_ = pages(client, job)
    # The line in front makes an Ask the one that is too many; it stays with what it brought about.
    assert len(LINE.findall(first)) == PAGE + 1
    assert LINE.findall(first)[-2:] == ["Resumed, now Processing by bob", "Resume asked by bob"]
    assert LINE.findall(second)[0] == "Paused by bob"


def test_before_the_launch_there_is_nothing(client: Client, job: Job) -> None:
    text = text_of(client, f"{ledger(job)}?before=2026-01-01T00:00:00Z")
    assert "The Job was launched later." in text
    assert not LINE.findall(text)


@pytest.mark.parametrize("before", ["yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_a_moment_that_no_page_gave_is_not_found(client: Client, job: Job, before: str) -> None:
    assert client.get(ledger(job), {"before": before}).status_code == 404


def test_charlie_does_not_find_it(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert browser.get(ledger(job)).status_code == 404
