"""Stores the Cloud's events as facts and keeps the numbers that follow from them. No other module writes either.

A fact has its place in the log, so it is stored once, however often and in whatever order it comes; and only what was
stored just now is counted. The numbers can be made again from the facts at any time (`recount`).
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accelerator.protocol import EventKind, EventPage
from jobs.models import Event, Job, Point, Reached, Tally

WIDTHS = (60, 3600)  # seconds of a point of the curves

# Events whose recipients are forgotten in one statement.
FORGOTTEN_AT_ONCE = 20_000

# What is drawn as a curve, and what is counted by recipients too.
CURVED = frozenset(
    {"deliveries", "opens", "clicks", "unsubscribes", "complaints", "hard_bounces", "soft_bounces"}
)
UNIQUE = frozenset(
    {"opens", "machine_opens", "clicks", "machine_clicks", "unsubscribes", "complaints", "attrition"}
)

# What adds to a second measure too: whoever unsubscribes and complains is one recipient lost.
ALSO = {"unsubscribes": "attrition", "complaints": "attrition"}


class Fact(NamedTuple):
    """What of an event is counted."""

    kind: str
    at: datetime
    batch: int
    record: int
    code: str
    category: str
    hard: bool
    link: int | None
    machine: bool


COLUMNS = ("position", *Fact._fields, "recipient_id")

# The measure that a kind of event adds to, and the detail under which it is counted too.
MEASURES: dict[str, Callable[[Fact], tuple[str, str]]] = {
    EventKind.DELIVERED: lambda _: ("deliveries", ""),
    EventKind.BOUNCED: lambda fact: ("hard_bounces" if fact.hard else "soft_bounces", fact.category),
    EventKind.SUPPRESSED: lambda fact: ("suppressed", fact.code),
    EventKind.RENDER_ERRORS: lambda _: ("render_errors", ""),
    EventKind.UNKNOWN: lambda _: ("unknown", ""),
    EventKind.OPEN: lambda fact: ("machine_opens" if fact.machine else "opens", ""),
    EventKind.CLICK: lambda fact: (
        "machine_clicks" if fact.machine else "clicks",
        "" if fact.link is None else str(fact.link),
    ),
    EventKind.UNSUBSCRIBE: lambda _: ("unsubscribes", ""),
    EventKind.COMPLAINT: lambda _: ("complaints", ""),
}

STORE = """
INSERT INTO jobs_event (job_id, position, kind, at, batch, record, code, category, hard, link, machine, recipient_id)
SELECT %s, event.* FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::int[], %s::int[], %s::text[],
    %s::text[], %s::bool[], %s::int[], %s::bool[], %s::text[]) AS event
ON CONFLICT DO NOTHING RETURNING kind, at, batch, record, code, category, hard, link, machine
"""
REACH = """
INSERT INTO jobs_reached (job_id, measure, detail, batch, record)
SELECT %s, reached.* FROM unnest(%s::text[], %s::text[], %s::int[], %s::int[]) AS reached
ON CONFLICT DO NOTHING RETURNING measure, detail
"""
TALLY = """
INSERT INTO jobs_tally AS tally (job_id, measure, detail, total, recipients)
SELECT %s, more.* FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
    AS more (measure, detail, total, recipients)
ON CONFLICT (job_id, measure, detail)
DO UPDATE SET total = tally.total + excluded.total, recipients = tally.recipients + excluded.recipients
"""
POINT = """
INSERT INTO jobs_point AS point (job_id, measure, width, start, count)
SELECT %s, more.* FROM unnest(%s::text[], %s::int[], %s::timestamptz[], %s::bigint[])
    AS more (measure, width, start, count)
ON CONFLICT (job_id, width, measure, start) DO UPDATE SET count = point.count + excluded.count
"""


def store(job: Job, page: EventPage) -> int:
    """Store a page of the log and move the Job's cursor to where nothing is missing; how many events were new.

    One transaction, in which the Job is locked. A kind that nobody here knows yet is stored and not counted.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        locked = Job.objects.select_for_update(of=("self",)).only("events_cursor").get(pk=job.pk)
        columns = [[_storable(getattr(event, name)) for event in page.events] for name in COLUMNS]
        cursor.execute(STORE, [job.pk, *columns])
        fresh = [Fact(*row) for row in cursor.fetchall()]
        _count(cursor, job, fresh)
        reached = locked.events_cursor
        for position in sorted(event.position for event in page.events):
            if position <= reached + 1:
                reached = max(reached, position)
        Job.objects.filter(pk=job.pk).update(events_cursor=reached)
        job.events_cursor = reached
    return len(fresh)


def recount(job: Job, size: int = 10_000) -> None:
    """Make a Job's numbers again from its facts: they are the same."""
    with transaction.atomic(), connection.cursor() as cursor:
        Job.objects.select_for_update(of=("self",)).only("pk").get(pk=job.pk)
        for model in (Reached, Tally, Point):
            model._default_manager.filter(job=job).delete()
        rows = Event.objects.filter(job=job).order_by("position").values_list(*Fact._fields)
        facts = (Fact(*row) for row in rows.iterator(size))
        while some := list(islice(facts, size)):
            _count(cursor, job, some)


def forget_recipients(job_id: uuid.UUID) -> None:
    """Take the recipients' ids out of a Job's events, for good. Batch and record still tell them apart to be counted.

    In pieces, and any number of times.
    """
    events, last = Event.objects.filter(job=job_id), 0
    while True:
        behind = events.filter(position__gt=last).order_by("position").values_list("position", flat=True)
        piece = list(behind[:FORGOTTEN_AT_ONCE])
        if not piece:
            return
        named = events.filter(position__gt=last, position__lte=piece[-1]).exclude(recipient_id="")
        named.update(recipient_id="")
        last = piece[-1]


def _count(cursor: CursorWrapper, job: Job, facts: Sequence[Fact]) -> None:
    """Add facts that were not counted before to the numbers."""
    totals: Counter[tuple[str, str]] = Counter()
    points: Counter[tuple[str, int, datetime]] = Counter()
    reached: set[tuple[str, str, int, int]] = set()
    for fact in facts:
        if fact.kind not in MEASURES:
            continue
        measure, detail = MEASURES[fact.kind](fact)
        counted = {(measure, ""), (measure, detail)} | ({(ALSO[measure], "")} if measure in ALSO else set())
        for name, part in counted:
            totals[name, part] += 1
            if name in UNIQUE:
                reached.add((name, part, fact.batch, fact.record))
        if measure in CURVED:
            for width in WIDTHS:
                points[measure, width, _start(fact.at, width)] += 1
    people = Counter(_insert(cursor, REACH, job, sorted(reached)))
    _insert(cursor, TALLY, job, [(*key, count, people[key]) for key, count in sorted(totals.items())])
    _insert(cursor, POINT, job, [(*key, count) for key, count in sorted(points.items())])


def _insert(
    cursor: CursorWrapper, statement: str, job: Job, rows: Sequence[tuple[object, ...]]
) -> Iterable[tuple[str, str]]:
    """In the order of the rows' keys; what the statement returns."""
    if not rows:
        return []
    cursor.execute(statement, [job.pk, *map(list, zip(*rows, strict=True))])
    return [(row[0], row[1]) for row in cursor.fetchall()] if statement is REACH else []


def _start(at: datetime, width: int) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // width * width, UTC)


def _storable(value: object) -> object:
    """PostgreSQL takes no NUL."""
    return value.replace("\0", "") if isinstance(value, str) else value
