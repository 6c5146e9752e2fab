"""The measures on Job Analytics: numbers, rates, and what is said where there is nothing to count."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs import lifecycle
from jobs.models import Job, Tally
from jobs.states import Cause, Failure, State, Wish
from tests.jobs.views import standing
from tests.jobs.views.test_live import shown


def told(text: str) -> str:
    """The results as somebody reads them."""
    if 'id="results-title"' not in text:
        return ""
    part = text[text.index('id="results-title"') :]
    words = re.sub(r"<[^>]+>", " ", part[: part.index("</section>")])
    return re.sub(r"\s+", " ", words.partition(">")[2])


def number(text: str, measure: str) -> str:
    found = re.search(rf'data-measure="{measure}"[^>]*>([^<]*)<', text)
    assert found, measure
    return found[1]


def test_an_initializing_job_shows_none_of_it(client: Client, job: Job, alice: User) -> None:
    assert not told(shown(client, job))
    assert not told(shown(client, standing.asked(job, Wish.PAUSE, alice)))
    assert not told(shown(client, standing.asked(job, Wish.CANCEL, alice)))


def test_before_the_first_answer_of_a_mail_server_no_zeros_are_shown(client: Client, job: Job) -> None:
    for change in (standing.processing(job), standing.counted(job, waiting=100)):
        text = shown(client, change)
        assert "Nothing has been delivered yet." in told(text)
        assert "data-measure" not in text


def test_every_measure_is_shown_with_its_rate(client: Client, job: Job) -> None:
    text = shown(client, standing.opened(standing.collecting(job)))
    numbers = {
        "deliveries": "80",
        "opens": "40",
        "opens-total": "50",
        "machine-opens": "21",
        "clicks": "8",
        "clicks-total": "12",
        "machine-clicks": "3",
        "attrition": "3",
        "unsubscribes": "2",
        "complaints": "1",
        "bounces": "12",
        "suppressed": "5",
    }
    assert {measure: number(text, measure) for measure in numbers} == numbers
    for words in (
        "80 87.0 % accepted",
        "40 49.4 % of delivered or unknown 50 in total 21 by machines, 24.7 % of delivered or unknown",
        "8 9.9 % of delivered or unknown 12 in total 20.0 % of those who opened 3 by machines",
        "3 3.7 % of delivered or unknown 2 unsubscribed 1 complained of spam",
        "12 13.0 % refused 9 hard, 3 soft 9 no such mailbox 3 mailbox full",
        "5 5.0 % of extracted 4 unsubscribed 1 same address twice in this Job",
        "those of machines, such as privacy proxies and scanners, are counted apart",
    ):
        assert words in told(text).replace("\N{NO-BREAK SPACE}", " "), words
    assert "behind" not in told(text)


def test_what_does_not_add_up_yet_is_said(client: Client, job: Job) -> None:
    standing.opened(standing.collecting(job))
    Tally.objects.filter(measure="deliveries").update(total=70)
    Tally.objects.filter(measure="soft_bounces").update(total=1)
    text = told(shown(client, job))
    assert "9 hard, 1 soft so far" in text
    assert "The details are 10 deliveries behind and catch up by themselves." in text
    Tally.objects.filter(measure="soft_bounces").update(total=5)
    assert "9 hard, 5 soft and counting" in told(shown(client, job))


def test_the_lists_can_be_reached_from_the_measures(client: Client, job: Job) -> None:
    text = shown(client, standing.opened(standing.collecting(job)))
    for name in ("delivered", "bounced", "suppressed"):
        assert re.search(rf'<a class="measure" id="see-{name}"[^>]* href="recipients/{name}/"[^>]*>', text)


def test_collecting_says_until_when_also_while_paused(client: Client, job: Job, alice: User) -> None:
    standing.collecting(job)
    assert job.collecting_until
    until = f"Collecting until {job.collecting_until:%-d %b, %H:%M}"
    assert until in told(shown(client, job))
    standing.asked(job, Wish.PAUSE, alice)
    standing.granted(job, **standing.AT_REST)
    assert until in told(shown(client, job))


def test_a_cancelled_job_says_until_when_results_are_collected(client: Client, job: Job, alice: User) -> None:
    standing.cancelled(job, alice)
    assert job.collecting_until
    assert f"Results are collected until {job.collecting_until:%-d %b, %H:%M}" in told(shown(client, job))


def test_completed_says_that_no_more_results_come(client: Client, job: Job) -> None:
    assert "No more results" in told(shown(client, standing.completed(job)))


def test_a_job_that_ended_without_a_delivery_says_so(client: Client, job: Job) -> None:
    standing.processing(job, request_id=standing.REQUEST_ID, suppressed=100, attempted=100, transferred=100)
    lifecycle.move(job, State.COLLECTING, Cause.ALL_ATTEMPTED, collecting_until=lifecycle.window_end())
    lifecycle.move(job, State.COMPLETED, Cause.WINDOW_OVER)
    assert "Nothing was delivered." in told(shown(client, job))


@pytest.mark.parametrize("failure", [Failure.AUDIENCE_SQL, Failure.INTERNAL])
def test_a_job_that_contacted_nobody_shows_no_results(client: Client, job: Job, failure: Failure) -> None:
    lifecycle.fail(job, failure, "It went wrong.")
    assert not told(shown(client, job))
