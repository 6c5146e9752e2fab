"""The drawing of the course: everything stays on the paper, and what is there can be seen."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.results.series import Bucket, Pause, Series
from jobs.views.strips import LEAST, draw

BEGIN = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)


def course(counts: list[int], width: timedelta = timedelta(minutes=1), *paused: Pause) -> Series:
    return Series(
        width, [Bucket(BEGIN + width * place, opens=count) for place, count in enumerate(counts)], paused
    )


def percent(text: str) -> float:
    return float(text.removesuffix("%"))


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw(course([])) is None


def test_a_young_curve_leaves_room_to_grow() -> None:
    drawing = draw(course([5]))
    assert drawing
    assert drawing.size == 12
    assert [strip.name for strip in drawing.strips] == [
        "deliveries",
        "opens",
        "clicks",
        "attrition",
        "bounces",
    ]
    opens = drawing.strips[1]
    assert (opens.total, opens.peak, opens.counts, opens.outline) == (5, 5, "5", "M0 100V2H1V100")
    assert drawing.strips[0].outline == ""


@given(
    counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=48),
    minutes=st.sampled_from([1, 10, 60, 1_440, 46_080]),
)
def test_everything_stays_on_the_paper(counts: list[int], minutes: int) -> None:
    drawing = draw(course(counts, timedelta(minutes=minutes)))
    assert drawing
    opens = drawing.strips[1]
    assert opens.total == sum(counts)
    level, place = 100, 0
    heights: dict[int, int] = {}
    for command, value in re.findall(r"([HV])(\d+)", opens.outline):
        if command == "V":
            level = int(value)
        else:
            heights |= dict.fromkeys(range(place, int(value)), level)
            place = int(value)
        assert 0 <= level <= 100
    for number, count in enumerate(counts):
        assert (heights.get(number, 100) <= 100 - LEAST) is (count > 0)
    assert 1 <= len(drawing.marks) <= 7
    assert all(0 <= percent(mark.x) <= 100 for mark in drawing.marks)


def test_a_new_day_is_told_where_it_begins() -> None:
    drawing = draw(course([1] * 30, timedelta(hours=1)))
    assert drawing
    assert [mark.at.hour for mark in drawing.marks] == [12, 18, 0, 6, 12]
    assert [mark.dated for mark in drawing.marks] == [True, False, True, False, False]


def test_a_new_day_is_told_though_a_narrow_page_spares_the_mark_where_it_begins() -> None:
    evening = Series(
        timedelta(hours=1), [Bucket(BEGIN.replace(hour=17) + timedelta(hours=place)) for place in range(30)]
    )
    drawing = draw(evening)
    assert drawing
    assert [mark.at.hour for mark in drawing.marks] == [18, 0, 6, 12, 18]
    assert [mark.dated for mark in drawing.marks] == [True, True, True, False, False]
    assert [mark.spare for mark in drawing.marks] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("since", "until", "x", "width"),
    [
        (timedelta(minutes=3), timedelta(minutes=6), 25.0, 25.0),
        (timedelta(minutes=-9), timedelta(minutes=6), 0.0, 50.0),
        (timedelta(minutes=9), None, 75.0, 25.0),
        (timedelta(minutes=9), timedelta(hours=9), 75.0, 25.0),
        (timedelta(minutes=3), timedelta(minutes=3, milliseconds=1), 25.0, 0.4),
    ],
)
def test_a_pause_is_a_band(since: timedelta, until: timedelta | None, x: float, width: float) -> None:
    pause = Pause(BEGIN + since, None if until is None else BEGIN + until)
    drawing = draw(course([1] * 12, timedelta(minutes=1), pause))
    assert drawing
    (band,) = drawing.bands
    assert (percent(band.x), percent(band.width)) == (x, width)


def test_a_pause_beside_the_results_is_not_drawn() -> None:
    before = Pause(BEGIN - timedelta(hours=2), BEGIN - timedelta(hours=1))
    after = Pause(BEGIN + timedelta(hours=2), None)
    drawing = draw(course([1] * 12, timedelta(minutes=1), before, after))
    assert drawing
    assert not drawing.bands


def test_words_of_pauses_do_not_overlap() -> None:
    paused = [
        Pause(BEGIN + timedelta(minutes=m), BEGIN + timedelta(minutes=m, seconds=30)) for m in range(12)
    ]
    drawing = draw(course([1] * 12, timedelta(minutes=1), *paused))
    assert drawing
    labelled = [percent(band.x) for band in drawing.bands if band.label]
    assert 2 < len(labelled) < 8
    assert all(later - earlier >= 14 for earlier, later in pairwise(labelled))


def test_a_curve_that_is_over_leaves_none() -> None:
    drawing = draw(course([5, 3]), grows=False)
    assert drawing
    assert drawing.size == 2
