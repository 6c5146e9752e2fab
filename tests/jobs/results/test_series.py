"""The course over time: few buckets without gaps, minutes for a short one, hours for a long one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, Point, Transition
from jobs.results import series as module
from jobs.results.series import Pause, Series, pauses, series

BEGIN = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)


def add(job: Job, measure: str, at: datetime, count: int = 1) -> None:
    """As results.facts counts one happening."""
    for width, start in ((60, at.replace(second=0)), (3_600, at.replace(minute=0, second=0))):
        point, _ = Point.objects.get_or_create(job=job, measure=measure, width=width, start=start)
        Point.objects.filter(pk=point.pk).update(count=point.count + count)


def spanning(job: Job, span: timedelta) -> Series:
    add(job, "deliveries", BEGIN)
    add(job, "opens", BEGIN + span, 3)
    return series(job, [])


def test_before_the_first_result_there_are_no_buckets(job: Job) -> None:
    assert series(job, []).buckets == ()


def test_one_minute_is_one_bucket(job: Job) -> None:
    add(job, "hard_bounces", BEGIN, 2)
    add(job, "soft_bounces", BEGIN, 1)
    add(job, "unsubscribes", BEGIN, 4)
    add(job, "complaints", BEGIN, 5)
    (bucket,) = series(job, []).buckets
    assert (bucket.start, bucket.bounces, bucket.attrition) == (BEGIN, 3, 9)


@pytest.mark.parametrize(
    ("span", "width"),
    [
        (timedelta(minutes=47), timedelta(minutes=1)),
        (timedelta(minutes=48), timedelta(minutes=2)),
        (timedelta(hours=2), timedelta(minutes=5)),
        (timedelta(hours=6), timedelta(minutes=10)),
        (timedelta(hours=6, minutes=1), timedelta(hours=1)),
        (timedelta(hours=6, minutes=40), timedelta(hours=1)),
        (timedelta(days=1), timedelta(hours=1)),
        (timedelta(days=3), timedelta(hours=2)),
        (timedelta(days=30), timedelta(days=1)),
        (timedelta(days=400), timedelta(days=16)),
    ],
)
def test_the_width_follows_from_the_span(job: Job, span: timedelta, width: timedelta) -> None:
    found = spanning(job, span)
    assert found.width == width
    assert len(found.buckets) <= 48
    starts = [bucket.start for bucket in found.buckets]
    assert starts == [found.since + width * number for number in range(len(starts))]
    assert found.since <= BEGIN
    assert found.until > BEGIN + span
    assert (found.buckets[0].deliveries, found.buckets[-1].opens) == (1, 3)
    assert (found.total.deliveries, found.total.opens, found.total.clicks) == (1, 3, 0)


def test_other_jobs_are_not_counted(job: Job) -> None:
    add(job, "deliveries", BEGIN)
    assert series(Job(), []).buckets == ()


def test_measures_that_nobody_knows_here_are_not_drawn(job: Job) -> None:
    add(job, "replies", BEGIN)
    assert series(job, []).buckets == ()


def test_it_takes_two_queries_at_most(
    job: Job, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Point.objects.bulk_create(
        Point(job=job, measure=measure, width=60, start=BEGIN + timedelta(minutes=minute), count=1)
        for measure in module.MEASURES
        for minute in range(360)
    )
    for hour in range(7):
        Point.objects.create(
            job=job,
            measure="opens",
            width=3_600,
            start=BEGIN.replace(minute=0) + timedelta(hours=hour),
            count=360,
        )
    with django_assert_max_num_queries(2):
        found = series(job, [])
    assert (found.width, found.total.opens, found.total.complaints) == (timedelta(minutes=10), 360, 360)


@given(first=st.integers(0, 2**32), span=st.integers(0, 2**31), least=st.sampled_from([60, 3_600]))
def test_there_are_never_more_than_48_buckets(first: int, span: int, least: int) -> None:
    width = module._width(first, first + span, least)
    assert width >= least
    assert (first + span) // width - first // width < 48


def test_pauses_are_those_of_the_ledger() -> None:
    states = ("initializing", "processing", "paused", "processing", "collecting", "paused")
    ledger = [
        Transition(number=number, target=state, at=BEGIN + timedelta(hours=number))
        for number, state in enumerate(states)
    ]
    expected = [
        Pause(BEGIN + timedelta(hours=2), BEGIN + timedelta(hours=3)),
        Pause(BEGIN + timedelta(hours=5), None),
    ]
    assert pauses(reversed(ledger)) == expected
    assert pauses(ledger[:2]) == []
