"""A Job while it is Initializing: how far it is, and whether the window for an Extraction Cancel is open."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Job
from jobs.states import Wish
from tests.jobs.views import standing
from tests.jobs.views.test_detail import page, words
from tests.jobs.views.test_live import address, poll

OPEN = "Cancelling now contacts nobody."
CLOSED = "The window for an Extraction Cancel has closed"


def told(client: Client, job: Job) -> str:
    return words(page(client, job)).replace("\N{NO-BREAK SPACE}", " ")


def test_records_rate_and_bytes_are_told(client: Client, job: Job) -> None:
    text = told(client, standing.reading(job, extracting=41_250, extracting_bytes=3_400_000))
    assert "41,250 extracted so far" in text
    assert "3.4 MB in the spool" in text
    assert re.search(r"4,\d{3} a second(?!,)", text)
    assert "<progress" not in page(client, job)


def test_before_the_first_rows_it_says_that_the_warehouse_works(client: Client, job: Job) -> None:
    assert "The warehouse works on the SQL" in told(client, standing.reading(job))
    assert "The warehouse works" not in told(client, standing.reading(job, extracting=1))


def test_with_a_known_size_it_says_how_much_of_it_and_how_long_still(client: Client, job: Job) -> None:
    standing.reading(job, size=200_000, extracting=90_000, dropped_invalid=10_000)
    text = told(client, job)
    assert "Initializing: now 50.0 %" in text
    assert "50.0 % of the 200,000 rows that the Audience had when it was counted." in text
    assert re.search(r"a second, about (9|10|11) s left", text)
    assert page(client, job).count('value="0.5000" max="1"') == 2


def test_an_audience_that_has_grown_is_never_all_done(client: Client, job: Job) -> None:
    standing.reading(job, size=1_000, extracting=1_500)
    text = told(client, job)
    assert "99.0 %" in text
    assert "left" not in text


def test_an_audience_that_was_empty_when_it_was_counted_has_no_share(client: Client, job: Job) -> None:
    text = page(client, standing.reading(job, size=0, extracting=1_500))
    assert "<progress" not in text


def test_the_window_is_open_until_the_freeze_and_then_closed(client: Client, job: Job, alice: User) -> None:
    assert OPEN in told(client, job)
    standing.asked(job, Wish.PAUSE, alice)
    assert OPEN in told(client, job)
    standing.asked(job, Wish.RESUME, alice)
    standing.halfway(job)
    text = told(client, job)
    assert CLOSED in text
    assert OPEN not in text


@pytest.mark.parametrize("where", ["paused", "collecting"])
def test_it_stays_closed(client: Client, job: Job, alice: User, where: str) -> None:
    text = told(client, standing.paused(job, alice) if where == "paused" else standing.collecting(job))
    assert CLOSED in text
    assert OPEN not in text


def test_of_a_job_that_rests_nothing_is_said_of_it(client: Client, job: Job) -> None:
    text = told(client, standing.completed(job))
    assert CLOSED not in text
    assert OPEN not in text


def test_progress_is_news_to_an_open_page(client: Client, job: Job) -> None:
    url = address(page(client, standing.reading(job, size=1_000, extracting=10)))
    assert poll(client, url).status_code == 204
    standing.reading(job, size=1_000, extracting=500)
    text = poll(client, url).content.decode()
    assert 'value="0.5000"' in text
    assert 'id="state"' not in text
