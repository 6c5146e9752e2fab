"""The course of a Job's results as one drawing: a strip for each measure over a common axis of time, ready for SVG.

Each strip has a scale of its own and its name beside it, so that forty unsubscribes can be seen below sixty thousand
deliveries, and no colour has to say which is which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter

from django.utils import timezone

from jobs.results.series import Pause, Series

STRIPS = (
    ("deliveries", "Deliveries"),
    ("opens", "Opens"),
    ("clicks", "Clicks"),
    ("attrition", "Attrition"),
    ("bounces", "Bounces"),
)

# A young curve does not fill the drawing: it grows into this many buckets.
AXIS = 12

# Heights, in the size of the letters: a strip with the line of its name, the line above for the pauses.
STRIP, PLOT, ABOVE = 4.75, 2.75, 1.5

# What is there can be seen: the least height, in percent of a strip.
LEAST = 4

MARKS = 6
DAY = 86_400
# Seconds between two marks of the axis.
BETWEEN = (
    *(60 * number for number in (1, 2, 5, 10, 15, 30)),
    *(3_600 * number for number in (1, 2, 3, 6, 12)),
    *(DAY * number for number in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)),
)


@dataclass(frozen=True)
class Strip:
    """One measure: the outline of its area, how much at most in one bucket, and the counts, bucket by bucket."""

    name: str
    label: str
    total: int
    peak: int
    outline: str
    counts: str
    top: str  # em
    plot: str


@dataclass(frozen=True)
class Mark:
    """A moment on the axis: where (percent), and whether a narrow page can spare it.

    `form` says how it is told: time, day, or turn, which is the time and, where a new day has begun, the day too.
    """

    at: datetime
    x: str
    anchor: str
    form: str
    dated: bool
    spare: bool


@dataclass(frozen=True)
class Band:
    """A pause: where it begins and how wide it is, in percent; `label`: whether there is room for the word."""

    pause: Pause
    x: str
    width: str
    label: bool


@dataclass(frozen=True)
class Drawing:
    """Everything that is drawn; `size` buckets wide, of which the last may still be empty."""

    series: Series
    size: int
    strips: Sequence[Strip]
    marks: Sequence[Mark]
    bands: Sequence[Band]
    bottom: str  # em: where the axis is
    foot: str
    height: str


def draw(series: Series, *, grows: bool = True) -> Drawing | None:
    """The drawing; None before there is anything to draw. `grows`: more may come, and there is room for it."""
    if not series.buckets:
        return None
    size = max(AXIS, len(series.buckets)) if grows else len(series.buckets)
    begin, span = series.since, series.width * size
    bands = _bands(series.pauses, begin, span)
    above = ABOVE if bands else 0.0
    bottom = above + STRIP * len(STRIPS) - 0.5
    return Drawing(
        series,
        size,
        [_strip(series, name, label, above + STRIP * place) for place, (name, label) in enumerate(STRIPS)],
        _marks(begin, span),
        bands,
        bottom=_em(bottom),
        foot=_em(bottom + 1.4),
        height=_em(bottom + 1.9),
    )


def _strip(series: Series, name: str, label: str, top: float) -> Strip:
    counts = list(map(attrgetter(name), series.buckets))
    peak = max(counts)
    return Strip(
        name,
        label,
        sum(counts),
        peak,
        _outline(counts, peak),
        ",".join(map(str, counts)),
        top=_em(top + 1),
        plot=_em(top + STRIP - PLOT - 0.5),
    )


def _outline(counts: Sequence[int], peak: int) -> str:
    """A step for each bucket, one wide and at most 100 high; y grows downwards."""
    path, level = "M0 100", 100
    for place, count in enumerate(counts):
        height = 100 - max(LEAST, round(count / peak * 98)) if count else 100
        if height != level:
            path += f"H{place}V{height}" if place else f"V{height}"
            level = height
    return f"{path}H{len(counts)}V100" if peak else ""


def _marks(begin: datetime, span: timedelta) -> list[Mark]:
    first, seconds = begin.timestamp(), span.total_seconds()
    step = next((one for one in BETWEEN if seconds / one <= MARKS), BETWEEN[-1])
    moments = range(-int(-first // step) * step, int(first + seconds) + 1, step)
    form = "time" if seconds < DAY else "turn" if step < DAY else "day"
    marks: list[Mark] = []
    for number, moment in enumerate(moments):
        x = (moment - first) / seconds * 100
        at = datetime.fromtimestamp(moment, UTC)
        # The mark that is seen before this one, also where every second one is spared.
        before = marks[number - 1 - (number + 1) % 2] if number else None
        marks.append(
            Mark(
                at,
                f"{x:.2f}%",
                "start" if x < 5 else "end" if x > 95 else "middle",
                form,
                dated=form == "turn" and not (before and _day(before.at) == _day(at)),
                spare=number % 2 == 1,
            )
        )
    return marks


def _day(at: datetime) -> date:
    return timezone.localtime(at).date()


def _bands(pauses: Sequence[Pause], begin: datetime, span: timedelta) -> list[Band]:
    """The pauses that touch the axis; one that lasts reaches to its end."""
    bands: list[Band] = []
    free = 0.0  # percent from which on there is room for a word
    for pause in pauses:
        start = max(0.0, (pause.since - begin) / span * 100)
        end = min(100.0, (pause.until - begin) / span * 100) if pause.until else 100.0
        if end <= 0 or start >= 100:
            continue
        start = min(start, 99.6)
        label = start >= free and start < 88
        free = start + 14 if label else free
        bands.append(Band(pause, f"{start:.2f}%", f"{max(0.4, end - start):.2f}%", label))
    return bands


def _em(height: float) -> str:
    return f"{height:g}em"
