"""Measures, from exact counts and tallies: rates that are no more than all, and nothing divided by zero."""

import dataclasses
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accelerator.protocol import Counts, EventPage
from jobs.models import Job, Tally, Warehouse
from jobs.results import analytics, facts, links, wording
from jobs.results.analytics import Tallies
from jobs.results.series import series
from tests.jobs import cast

RATES = (
    "delivery_rate",
    "bounce_rate",
    "suppressed_rate",
    "open_rate",
    "machine_open_rate",
    "click_rate",
    "click_to_open_rate",
    "attrition_rate",
)


def job_with(extracted: int | None = 100, html: str = "", **counts: int) -> Job:
    """A Job that is not stored."""
    document = cast.instructions(html=html).model_dump()
    return Job(
        extracted=extracted, counts_document=Counts(**counts).model_dump(), instructions_document=document
    )


def tally(**totals: int | tuple[int, int]) -> Tallies:
    """opens=(50, 40): 50 by 40 recipients; clicks__1: those of link 1."""
    found = {}
    for name, total in totals.items():
        measure, _, detail = name.partition("__")
        found[measure, detail] = total if isinstance(total, tuple) else (total, 0)
    return found


def test_without_anything_there_are_no_rates() -> None:
    summary = analytics.summary(job_with(extracted=None), {})
    assert summary.empty
    assert [getattr(summary, rate) for rate in RATES] == [None] * len(RATES)


def test_the_example_of_the_field() -> None:
    counted = tally(
        deliveries=59_872, opens=(24_113, 18_220), machine_opens=(13_200, 13_172), clicks=(4_012, 2_911)
    )
    job = job_with(100_000, delivered=59_872, bounced=1_304, suppressed=611)
    summary = analytics.summary(job, counted)
    assert summary.delivery_rate == pytest.approx(0.979, abs=0.0005)
    assert summary.open_rate == pytest.approx(0.304, abs=0.0005)
    assert summary.machine_open_rate == pytest.approx(0.22, abs=0.0005)
    assert summary.click_rate == pytest.approx(0.049, abs=0.0005)
    assert summary.click_to_open_rate == pytest.approx(2_911 / 18_220)
    assert summary.late == 0


def test_attrition_counts_people_and_keeps_its_parts() -> None:
    summary = analytics.summary(
        job_with(delivered=100), tally(unsubscribes=(3, 3), complaints=(2, 2), attrition=(5, 4))
    )
    assert (summary.unsubscribes, summary.complaints, summary.attrition) == (3, 2, 4)
    assert summary.attrition_rate == 0.04


@pytest.mark.parametrize(
    ("hard", "soft", "told"),
    [
        (0, 0, ""),
        (7, 5, "7 hard, 5 soft"),
        (7, 2, "7 hard, 2 soft so far"),
        (9, 5, "9 hard, 5 soft and counting"),
    ],
)
def test_kinds_that_do_not_add_up_say_so(hard: int, soft: int, told: str) -> None:
    summary = analytics.summary(job_with(bounced=12), tally(hard_bounces=hard, soft_bounces=soft))
    assert summary.kinds == told


def test_events_that_are_ahead_of_the_counts_make_no_rate_above_all() -> None:
    summary = analytics.summary(job_with(delivered=1), tally(deliveries=9, opens=(9, 9)))
    assert summary.open_rate == 1.0
    assert summary.late == 0
    assert analytics.summary(job_with(delivered=9), tally(deliveries=4)).late == 5


def test_more_clickers_than_openers_have_no_rate_of_openers() -> None:
    assert (
        analytics.summary(job_with(delivered=9), tally(opens=(1, 1), clicks=(3, 3))).click_to_open_rate
        is None
    )


def test_the_main_categories_are_whole_whether_hard_or_soft() -> None:
    counted = tally(
        hard_bounces__unknown_user=4,
        soft_bounces__unknown_user=2,
        soft_bounces__mailbox_full=5,
        soft_bounces__policy=3,
        soft_bounces__content=2,
        soft_bounces__some_new_word=1,
    )
    summary = analytics.summary(job_with(bounced=17), counted)
    assert [(part.count, part.label) for part in summary.main_categories] == [
        (6, "no such mailbox"),
        (5, "mailbox full"),
        (3, "refused by policy"),
        (3, "for other reasons"),
    ]
    assert [part.label for part in summary.categories][:2] == ["Soft: mailbox full", "Hard: no such mailbox"]
    assert sum(part.count for part in summary.categories) == 17
    assert wording.bounce("some_new_word", hard=False) == "Soft: some new word"


@given(
    counts=st.fixed_dictionaries(
        {name: st.integers(0, 1_000) for name in ("delivered", "bounced", "suppressed")}
    ),
    hits=st.dictionaries(st.sampled_from(["opens", "clicks", "machine_opens"]), st.integers(0, 1_000)),
)
def test_no_rate_leaves_its_range(counts: dict[str, int], hits: dict[str, int]) -> None:
    """People who opened or clicked were delivered to, which an event has told before."""
    counted = tally(deliveries=max(hits.values(), default=0), **{name: (n, n) for name, n in hits.items()})
    summary = analytics.summary(job_with(1_000, "", **counts), counted)
    for name in RATES:
        rate = getattr(summary, name)
        assert rate is None or 0 <= rate <= 1, name
    assert dataclasses.asdict(summary)["delivered"] == counts["delivered"]


# --- as results.facts writes it -------------------------------------------------------------------------------


def test_it_says_what_the_events_say(
    warehouse: Warehouse, job: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    chance = random.Random(7)  # noqa: S311
    begin = datetime(2026, 11, 22, 10, 31, 12, tzinfo=UTC)
    document: list[dict[str, object]] = []
    for record in range(200):
        at = begin + timedelta(seconds=record)
        who = {"batch": 0, "record": record, "recipient_id": str(record)}
        document.append({"kind": "delivered", "at": at, **who})
        for _ in range(chance.randrange(3)):
            later = at + timedelta(minutes=chance.randrange(90))
            document.append({"kind": "open", "at": later, "machine": chance.random() < 0.3, **who})
            document.append({"kind": "click", "at": later, "link": chance.randrange(2), **who})
    numbered = [{"position": place, **one} for place, one in enumerate(document, 1)]
    facts.store(job, EventPage.model_validate({"events": numbered, "last": len(numbered)}))
    with django_assert_num_queries(1):
        counted = analytics.tallies(job)
    job.counts_document = Counts(delivered=200).model_dump()
    summary = analytics.summary(job, counted)

    def people(kind: str, machine: bool) -> set[object]:
        return {
            one["record"] for one in document if one["kind"] == kind and one.get("machine", False) is machine
        }

    kinds = Counter((one["kind"], one.get("machine", False)) for one in document)
    assert summary.opens == analytics.Hits(
        len(people("open", machine=False)),
        kinds["open", False],
        len(people("open", machine=True)),
        kinds["open", True],
    )
    assert summary.clicks.people == len(people("click", machine=False))
    assert summary.late == 0
    total = series(job, []).total
    assert (total.deliveries, total.opens, total.clicks) == (200, kinds["open", False], kinds["click", False])
    assert sum(link.total for link in links.top(job, counted).shown) == total.clicks


def test_the_rates_of_many_jobs_are_one_query(
    warehouse: Warehouse, job: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert job.transitions.first() is not None
    jobs = [job, *(cast.job(warehouse, job.transitions.get().by) for _ in range(4))]  # type: ignore[arg-type]
    job.counts_document = Counts(delivered=10).model_dump()
    Tally.objects.create(job=job, measure="opens", total=9, recipients=5)
    Tally.objects.create(job=job, measure="opens", detail="other", total=9, recipients=9)
    with django_assert_num_queries(1):
        rates = analytics.rates(jobs)
    assert rates[job.pk] == analytics.Rates(0.5, 0.0)
    assert {rates[one.pk] for one in jobs[1:]} == {analytics.Rates(None, None)}
