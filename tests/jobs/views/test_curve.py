"""The course of a Job's results: the figure, which is sent when it changed, and the table behind it."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, Point, Warehouse
from jobs.states import Wish
from tests.jobs import cast
from tests.jobs.views import standing
from tests.jobs.views.test_live import poll, shown

BEGIN = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)
TABLE_QUERIES, FIGURE_QUERIES = 9, 9
LINKS = "".join(f'<a href="https://shop.example/{number}">x</a>' for number in range(12))


def table(job: Job) -> str:
    return reverse("jobs:curve", args=[job.pk])


def address(text: str) -> str:
    """Where the figure asks for a newer one."""
    found = re.search(r'id="figure"[^>]* hx-get="([^"]+)"', text)
    assert found
    return html.unescape(found[1])


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def long_course(job: Job) -> None:
    """30 days of everything: 5,040 points of an hour."""
    Point.objects.filter(job=job).delete()
    Point.objects.bulk_create(
        Point(
            job=job,
            measure=measure,
            width=3_600,
            start=BEGIN.replace(minute=0) + timedelta(hours=hour),
            count=7,
        )
        for measure in (
            "deliveries",
            "opens",
            "clicks",
            "unsubscribes",
            "complaints",
            "hard_bounces",
            "soft_bounces",
        )
        for hour in range(720)
    )


def test_before_the_first_result_there_is_no_figure(client: Client, job: Job) -> None:
    for text in (shown(client, job), shown(client, standing.halfway(job))):
        assert '<div class="job-figure" id="figure" hidden' in text
        assert 'class="curve"' not in text


def test_the_first_result_brings_the_figure(client: Client, job: Job) -> None:
    url = address(shown(client, standing.halfway(job)))
    assert poll(client, url).status_code == 204
    standing.tally(job, "deliveries", 1)
    standing.point(job, "deliveries", BEGIN)
    text = poll(client, url).content.decode()
    assert text.strip().startswith('<div class="job-figure" id="figure"')
    assert "hidden" not in text[: text.index(">")]
    assert "up to 1 in 1\N{NO-BREAK SPACE}min" in text
    assert poll(client, address(text)).status_code == 204


def test_machines_change_no_figure(client: Client, job: Job) -> None:
    url = address(shown(client, standing.opened(standing.collecting(job))))
    standing.tally(job, "machine_opens", 5, detail="another")
    assert poll(client, url).status_code == 204
    standing.tally(job, "clicks", 1, 1, detail="1")
    assert poll(client, url).status_code == 200


def test_the_last_figure_asks_no_more(client: Client, job: Job) -> None:
    url = address(shown(client, standing.opened(standing.collecting(job))))
    Job.objects.filter(pk=job.pk).update(state="completed", version=job.version + 1)
    for text in (poll(client, url).content.decode(), shown(client, job)):
        assert 'class="curve"' in text
        assert '<div class="job-figure" id="figure">' in text


def test_the_figure_of_a_cancelled_job_is_asked_for_while_results_come(
    client: Client, job: Job, alice: User
) -> None:
    text = shown(client, standing.opened(standing.cancelled(job, alice)))
    assert "every 30s" in text
    Job.objects.update(collecting_until=timezone.now())
    assert "hx-get" not in poll(client, address(text)).content.decode()


def test_pauses_are_drawn_and_told(client: Client, job: Job, alice: User) -> None:
    standing.opened(standing.collecting(job))
    standing.asked(job, Wish.PAUSE, alice)
    standing.granted(job, **standing.AT_REST)
    job.transitions.filter(target="paused").update(at=BEGIN)
    text = shown(client, job)
    assert 'class="band"' in text
    assert "Paused from 22 Nov, 10:31." in text


def test_the_table_has_a_row_for_every_step_and_their_sum(client: Client, job: Job) -> None:
    standing.opened(standing.collecting(job))
    standing.point(job, "opens", BEGIN + timedelta(minutes=3), 4)
    text = text_of(client, table(job))
    rows = re.findall(r"<tr>.*?</tr>", text[text.index("<tbody>") :])
    assert len(rows) == 4 + 1
    assert [re.findall(r"<td[^>]*>([\d,]+)</td>", row) for row in (rows[0], rows[2], rows[3], rows[-1])] == [
        ["80", "50", "12", "2", "1", "9", "3"],
        ["0"] * 7,
        ["0", "4", "0", "0", "0", "0", "0"],
        ["80", "54", "12", "2", "1", "9", "3"],
    ]


def test_the_table_of_a_job_without_results_says_so(client: Client, job: Job) -> None:
    assert "This Job has contacted nobody" in text_of(client, table(job))
    assert "A row appears with the first delivery" in text_of(client, table(standing.halfway(job)))


def test_charlie_finds_neither_table_nor_figure(charlie: User, job: Job) -> None:
    standing.opened(standing.collecting(job))
    browser = Client()
    browser.force_login(charlie)
    assert browser.get(table(job)).status_code == 404
    assert poll(browser, table(job)).status_code == 404


def test_a_month_costs_as_many_queries_as_a_minute(
    client: Client, job: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    standing.opened(standing.collecting(job))
    with django_assert_num_queries(TABLE_QUERIES):
        client.get(table(job))
    with django_assert_num_queries(FIGURE_QUERIES):
        poll(client, table(job))
    long_course(job)
    with django_assert_num_queries(TABLE_QUERIES - 1):
        assert 'class="num">5,040<' in client.get(table(job)).content.decode()
    with django_assert_num_queries(FIGURE_QUERIES - 1):
        poll(client, table(job))


def test_the_parts_stay_small(client: Client, warehouse: Warehouse, alice: User) -> None:
    """A live update below 10 kB, the page below 100, however long a Job runs."""
    job = cast.job(warehouse, alice, html=LINKS)
    standing.opened(standing.halfway(job))
    Job.objects.filter(pk=job.pk).update(waiting_for="The mail server at mail.example can't be reached.")
    long_course(job)
    for number in range(1, 12):
        standing.tally(job, "clicks", number, number, detail=str(number))
    assert len(client.get(standing.detail(job)).content) < 100_000
    assert 2_000 < len(poll(client, table(job)).content) < 10_000
    live = re.search(r'id="live" hx-get="([^"]+)"', shown(client, job))
    assert live
    Job.objects.filter(pk=job.pk).update(extracting=99)
    assert 2_000 < len(poll(client, html.unescape(live[1])).content) < 10_000


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "javascript:alert(1)"])
def test_links_are_text_as_written_and_nothing_to_click(
    client: Client, warehouse: Warehouse, alice: User, hostile: str
) -> None:
    job = cast.job(warehouse, alice, html=f"<a href='{hostile}'>x</a>")
    text = shown(client, standing.opened(standing.collecting(job)))
    assert "<script>alert" not in text
    shown_as = html.escape(hostile)
    assert f"<span>{shown_as}</span>" in text
    assert f'href="{shown_as}"' not in text


def test_a_template_that_does_not_compile_stops_no_page(
    client: Client, warehouse: Warehouse, alice: User
) -> None:
    job = cast.job(warehouse, alice, html="{% if %}")
    assert "<span>Link 0</span>" in shown(client, standing.opened(standing.collecting(job)))
