"""Somebody asks, and somebody reads, at a real Job's page. Before the freeze an Ask is granted at once."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from accelerator.benches.browsing import Browser
from campaigns.models import Campaign
from jobs.models import Ask, Job
from jobs.states import State
from tests.campaigns.conftest import alice, audience, campaign, profile, template
from tests.jobs.conftest import warehouse
from tests.soak import people
from tests.soak.millions import asking, telling
from tests.soak.millions.asking import Asker, NotGranted, Pause
from tests.soak.millions.counted import Counted
from tests.soak.millions.readers import Reader
from tests.soak.millions.watching import Run

__all__ = ["alice", "audience", "campaign", "profile", "template", "warehouse"]


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    seen = Counted(tmp_path / "counted.bin", 10)
    yield seen
    seen.close()


@pytest.fixture
def browser(live_server: LiveServer, alice: User) -> Iterator[Browser]:
    opened = Browser(live_server.url)
    opened.log_in("alice", "password")
    yield opened
    opened.close()


@pytest.fixture
def job(browser: Browser, campaign: Campaign) -> uuid.UUID:
    return browser.launch(campaign.pk, browser.form(f"/campaigns/{campaign.pk}/launch/"))


def asker(browser: Browser, job: uuid.UUID, counted: Counted, moments: list[int]) -> Asker:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return Asker(browser, urlunsplit(url), job, counted, moments, people.chance(1, "asker"))


def test_a_job_is_paused_and_resumed_when_so_many_were_sent(
    browser: Browser, job: uuid.UUID, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LONG", 0.0)
    somebody = asker(browser, job, counted, [2, 1])
    counted.accept(1)
    counted.accept(2)
    somebody._run()
    assert somebody.failure is None
    assert (somebody.left, somebody.asking) == ([], False)
    assert [(pause.late, pause.in_flight) for pause in somebody.pauses] == [(0, 0), (0, 0)]
    assert all(0 < pause.shown <= pause.acknowledged for pause in somebody.pauses)
    wishes = Ask.objects.filter(job=job).order_by("number").values_list("wish", flat=True)
    assert list(wishes) == ["pause", "resume"] * 2
    assert Job.objects.get(pk=job).state == State.INITIALIZING


def test_what_the_page_refuses_is_told(browser: Browser, job: uuid.UUID, counted: Counted) -> None:
    Job.objects.filter(pk=job).update(state=State.COMPLETED)
    somebody = asker(browser, job, counted, [0])
    somebody._run()
    assert isinstance(somebody.failure, NotGranted)
    assert (somebody.left, somebody.asking) == ([0], True)


def test_nobody_asks_before_its_moment(browser: Browser, job: uuid.UUID, counted: Counted) -> None:
    somebody = asker(browser, job, counted, [1])
    somebody.start()
    somebody.stop()
    assert (somebody.pauses, somebody.left, somebody.failure) == ([], [1], None)
    run = SimpleNamespace(asker=somebody, killer=SimpleNamespace(left=[5, 6]))
    assert telling.missing(cast("Run", run)) == [
        "2 kills did not come before the Job's end",
        "1 pauses did not come before the Job's end",
    ]


def test_more_than_was_in_flight_is_too_late(browser: Browser, job: uuid.UUID, counted: Counted) -> None:
    somebody = asker(browser, job, counted, [])
    somebody.pauses = [Pause(0.1, 0.2, late=4, in_flight=4), Pause(0.1, 0.2, late=5, in_flight=4)]
    assert telling.late(somebody) == ["5 messages came after a pause that said 4 are in flight"]


def test_the_page_and_its_live_part_are_read(browser: Browser, job: uuid.UUID) -> None:
    reader = Reader(browser, job)
    reader.look("page")
    live = reader._live
    assert "?state=" in live
    reader.look("live")
    Job.objects.filter(pk=job).update(extracting=7)
    reader.look("live")
    assert reader._live != live
    assert (reader.seen["page"].statuses, reader.seen["live"].statuses) == ({200: 1}, {204: 1, 200: 1})
    assert not reader.seen["page"].troubles
    assert not reader.seen["live"].troubles
    assert len(reader.seen["live"].seconds) == 2
