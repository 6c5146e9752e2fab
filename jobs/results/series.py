"""The course of a Job's results over time: buckets of one width, made of its Points, and when it was paused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from jobs.models import Job, Point, Transition
from jobs.states import State

MINUTE, HOUR = 60, 3_600  # seconds

# Minutes are looked at while the results span no more than this; hours afterwards.
SHORT = timedelta(hours=6)
BUCKETS = 48

# Widths of a bucket in seconds that people can count in; wider ones double.
WIDTHS = (
    *(MINUTE * number for number in (1, 2, 5, 10, 15, 30)),
    *(HOUR * number for number in (1, 2, 3, 6, 12, 24)),
)


@dataclass
class Bucket:
    """What happened from `start` on, until the next bucket starts. Opens and clicks are those of people."""

    start: datetime
    deliveries: int = 0
    opens: int = 0
    clicks: int = 0
    unsubscribes: int = 0
    complaints: int = 0
    hard_bounces: int = 0
    soft_bounces: int = 0

    @property
    def attrition(self) -> int:
        return self.unsubscribes + self.complaints

    @property
    def bounces(self) -> int:
        return self.hard_bounces + self.soft_bounces


MEASURES = tuple(name for name in Bucket.__dataclass_fields__ if name != "start")


@dataclass(frozen=True)
class Pause:
    """`until` is None while it lasts."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Series:
    """At most 48 buckets without gaps, each as wide as `width`; none before the first result."""

    width: timedelta
    buckets: Sequence[Bucket]
    pauses: Sequence[Pause] = field(default=())

    @property
    def since(self) -> datetime:
        return self.buckets[0].start

    @property
    def until(self) -> datetime:
        """The end of the last bucket."""
        return self.buckets[-1].start + self.width

    @property
    def total(self) -> Bucket:
        """All buckets together."""
        return joined(self.buckets, self.since)


# (measure, start, count)
Row = tuple[str, datetime, int]


def series(job: Job, transitions: Iterable[Transition]) -> Series:
    """From the Points, in at most two queries; the transitions tell of pauses."""
    rows, width = _rows(job, HOUR), HOUR
    if not rows:
        return Series(timedelta(minutes=1), ())
    if _span(rows) < SHORT + timedelta(hours=1):  # an hour begins up to an hour before its first point
        minutes = _rows(job, MINUTE)
        if minutes and _span(minutes) <= SHORT:
            rows, width = minutes, MINUTE
    return _bucketed(rows, width, pauses(transitions))


def pauses(transitions: Iterable[Transition]) -> list[Pause]:
    """When the Job was Paused, by its ledger."""
    found: list[Pause] = []
    since: datetime | None = None
    for transition in sorted(transitions, key=lambda one: one.number):
        if since is not None:
            found.append(Pause(since, transition.at))
        since = transition.at if transition.target == State.PAUSED else None
    return found if since is None else [*found, Pause(since, None)]


def joined(buckets: Iterable[Bucket], start: datetime) -> Bucket:
    """Several buckets as one."""
    whole = Bucket(start)
    for bucket in buckets:
        for name in MEASURES:
            setattr(whole, name, getattr(whole, name) + getattr(bucket, name))
    return whole


def _rows(job: Job, width: int) -> list[Row]:
    points = Point.objects.filter(job=job, width=width, measure__in=MEASURES)
    return list(points.values_list("measure", "start", "count"))


def _span(rows: Sequence[Row]) -> timedelta:
    starts = [start for _, start, _ in rows]
    return max(starts) - min(starts)


def _bucketed(rows: Sequence[Row], least: int, paused: Sequence[Pause]) -> Series:
    moments = [int(start.timestamp()) for _, start, _ in rows]
    width = _width(min(moments), max(moments), least)
    first, last = min(moments) // width, max(moments) // width
    buckets = [Bucket(datetime.fromtimestamp(number * width, UTC)) for number in range(first, last + 1)]
    for (measure, _, count), moment in zip(rows, moments, strict=True):
        bucket = buckets[moment // width - first]
        setattr(bucket, measure, getattr(bucket, measure) + count)
    return Series(timedelta(seconds=width), buckets, paused)


def _width(first: int, last: int, least: int) -> int:
    """The narrowest width of which few enough span all."""
    width = next((one for one in WIDTHS if one >= least and last // one - first // one < BUCKETS), WIDTHS[-1])
    while last // width - first // width >= BUCKETS:
        width *= 2
    return width
