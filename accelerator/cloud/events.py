"""The log of what happened to recipients: appended with the facts it tells of, numbered when it is read.

No other module writes Log or LogEntry. Whoever appends is in the transaction that makes the fact; whoever reads
numbers first what was committed meanwhile, one stamper at a time. So a position never appears behind one that was
already read, and no number is missing. (`retention` deletes entries whose time is over.)
"""

import datetime
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NotRequired, TypedDict

from django.db import connection, transaction
from django.db.models import F, QuerySet

from accelerator import failpoints, protocol
from accelerator.cloud.models import Log, LogEntry, mark

# Events in one entry, and in one page, at most; entries that are numbered by one request.
MOST = 1_000
PAGE_LIMIT = 5_000
STAMPED_AT_ONCE = 2_000

APPEND = """
INSERT INTO cloud_logentry (mailing_id, count, events) VALUES (%s, %s, %s)
"""
STAMP = """
WITH fresh AS (
    SELECT id, count, sum(count) OVER (ORDER BY id) - count AS before FROM (
        SELECT id, count FROM cloud_logentry WHERE mailing_id = %(key)s AND first IS NULL ORDER BY id LIMIT %(limit)s
    ) AS oldest
)
UPDATE cloud_logentry entry SET first = %(last)s + 1 + fresh.before FROM fresh WHERE entry.id = fresh.id
RETURNING entry.count
"""


class Happening(TypedDict):
    """A protocol.Event before it has a position; what is not there has its default."""

    kind: str
    batch: int
    record: int
    recipient_id: str
    code: NotRequired[str]
    category: NotRequired[str]
    hard: NotRequired[bool]
    link: NotRequired[int]
    machine: NotRequired[bool]
    at: NotRequired[str]  # if it is not that of the entry, in ISO 8601


def append(key: uuid.UUID, happenings: Iterable[Happening]) -> None:
    """Write what happened to recipients of the mailing, in the caller's transaction, whose time is theirs."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for piece in _pieces(happenings):
            cursor.execute(APPEND, [key, len(piece), json.dumps(piece, separators=(",", ":"))])


def page(key: uuid.UUID, after: int, limit: int) -> protocol.EventPage:
    """At most `limit` events behind the position `after`, in order. Whoever asks has what is before it."""
    last = stamp(key, after)
    Log.objects.filter(mailing_id=key, read__lt=min(after, last)).update(read=min(after, last))
    found = _events(entries(key, after, limit), after)
    return protocol.EventPage(events=list(islice(found, limit)), last=last)


def is_read(key: uuid.UUID, until: datetime.datetime) -> bool:
    """Whether a client says that it has stored what was told up to then."""
    read = Log.objects.filter(mailing_id=key).values_list("read", flat=True).first() or 0
    told = LogEntry.objects.filter(mailing_id=key, at__lte=until)
    # No entry is longer than MOST: an index finds those behind what was read.
    behind = told.filter(first__gt=read - MOST).filter(first__gt=read + 1 - F("count"))
    return not (told.filter(first=None).exists() or behind.exists())


def entries(key: uuid.UUID, after: int, limit: int) -> QuerySet[LogEntry]:
    """The numbered entries of the `limit` events behind a position, in order, and no other.

    No entry is longer than MOST: an index finds them.
    """
    rows = LogEntry.objects.filter(mailing_id=key, first__gt=after - MOST, first__lte=after + limit)
    return rows.filter(first__gt=after + 1 - F("count")).order_by("first")


def stamp(key: uuid.UUID, seen: int) -> int:
    """Number what is committed and has no number yet; the highest position.

    Whoever has seen more than a restored database knows keeps what was seen: the numbers go on behind it.
    """
    Log.objects.bulk_create([Log(mailing_id=key)], ignore_conflicts=True)
    with transaction.atomic():
        log = Log.objects.select_for_update().get(mailing_id=key)
        ahead = seen > log.last and mark.current() is not None
        if ahead:
            log.last = seen
        fresh = _number(log)
        if ahead or fresh:
            log.save(update_fields=["last"])
            mark.rise()
            failpoints.reached("stamp.before")
    if fresh:
        failpoints.reached("stamp.after")
    return log.last


def stamp_all() -> None:
    """Number whatever has no number, as it would have been numbered; the mark does not rise."""
    for key in list(LogEntry.objects.filter(first=None).values_list("mailing_id", flat=True).distinct()):
        Log.objects.bulk_create([Log(mailing_id=key)], ignore_conflicts=True)
        with transaction.atomic():
            log = Log.objects.select_for_update().get(mailing_id=key)
            while _number(log):
                pass
            log.save(update_fields=["last"])


def _number(log: Log) -> int:
    """Number the oldest entries of a locked log that have no number; how many events they tell."""
    with connection.cursor() as cursor:
        cursor.execute(STAMP, {"key": log.mailing_id, "limit": STAMPED_AT_ONCE, "last": log.last})
        counts: list[tuple[int]] = cursor.fetchall()
    told = sum(count for (count,) in counts)
    log.last += told
    return told


def _events(entries: Iterable[LogEntry], after: int) -> Iterator[protocol.Event]:
    for entry in entries:
        assert entry.first is not None  # noqa: S101  the query leaves out what is not numbered
        for position, happening in enumerate(json.loads(entry.events), start=entry.first):
            if position > after:
                yield protocol.Event(**{"at": entry.at, "position": position} | happening)


def _pieces(happenings: Iterable[Happening]) -> Iterator[Sequence[Happening]]:
    rest = iter(happenings)
    while piece := list(islice(rest, MOST)):
        yield piece
