"""Retention: what a mailing knows of people is deleted for good, RETENTION after its end and its results' window.

That is the bytes of its batches, its documents, its log of events, and what the ledger has of each recipient: of an
address a digest is left (`sealing`), so that a link in an old mail goes on unsubscribing. The counts stay. A mailing
that is forgotten is cancelled, which is final: whatever could send again is refused. Results that no client came for
are kept longer, by UNREAD_RETENTION at most.
"""

import datetime
import logging
import time
import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce, Now

from accelerator.cloud import events, hits, intake, ledger, locking
from accelerator.cloud.models import Batch, BatchBytes, Hit, LogEntry, Mailing
from accelerator.protocol import Desired

logger = logging.getLogger(__name__)

# Mailings that one sweep takes up at most, entries of the log that are deleted at once, and seconds of a sweep.
PIECE, ENTRIES, BUDGET = 100, 1_000, 20.0


def sweep() -> int:
    """Forget a piece of what is overdue; how many mailings are done with. What is left is for the next time."""
    _note_ends()
    until, done = time.monotonic() + BUDGET, 0
    for mailing in overdue():
        done += _forget(mailing.key, until)
        if time.monotonic() > until:
            return done
    return done


def overdue() -> list[Mailing]:
    """Mailings whose time is over, by the database's clock; in no order, so that none stands before others.

    What was told of recipients up to its end has reached the client, or the mailing waits: a dashboard that was away
    for weeks finds its results. One that is away for longer than UNREAD_RETENTION, or never comes back, does not.
    """
    rows = Mailing.objects.filter(over_at__lt=_before()).only("over_at", "forgotten_at")
    rows = rows.annotate(given_up=Q(over_at__lt=_before() - settings.UNREAD_RETENTION))
    return [
        row
        for row in rows.order_by("?")[:PIECE]
        if row.forgotten_at or row.given_up or (row.over_at and _is_read(row.key, row.over_at))
    ]


def _is_read(key: uuid.UUID, until: datetime.datetime) -> bool:
    """Whether a client has all that happened up to then."""
    return hits.are_told(key, until) and events.is_read(key, until)


def _before() -> CombinedExpression:
    """Mailings that were over by then have had their time."""
    return Now() - settings.COLLECTING_WINDOW - settings.RETENTION


def _note_ends() -> None:
    """Note since when mailings are over."""
    _over().filter(over_at=None, forgotten_at=None).update(over_at=Now())


def _over() -> QuerySet[Mailing]:
    """Mailings of which all is here and at rest, or that are cancelled; and nobody of them is in flight."""
    in_flight = Batch.objects.filter(mailing=OuterRef("pk"), in_flight__gt=0)
    missing = Batch.objects.filter(Q(received_at=None) | intake.not_at_rest(), mailing=OuterRef("pk"))
    accepted = Mailing.objects.filter(request_id__isnull=False)
    return accepted.filter(~Exists(in_flight), Q(desired=Desired.CANCEL) | ~Exists(missing))


def _forget(key: uuid.UUID, until: float) -> bool:
    """Close it first, so that nothing is told of what is half deleted. Whoever dies in between is followed by the next.

    True once there was nothing left to delete: a link may have been followed while its recipient was forgotten.
    """
    with transaction.atomic():
        mailing = locking.alone(key)
        if mailing.forgotten_at is None and not _over().filter(pk=key, over_at__lt=_before()).exists():
            # It has come to life since: its time begins anew.
            Mailing.objects.filter(pk=key).update(over_at=None)
            return False
        Batch.objects.filter(mailing=mailing).update(due_at=None)
        Mailing.objects.filter(pk=key).update(
            desired=Desired.CANCEL,
            forgotten_at=Coalesce("forgotten_at", Now()),
            instructions="",
            supplemental="",
            held_code="",
            held_reason="",
            held_since=None,
            stopped_code="",
            stopped_reason="",
            stopped_since=None,
        )
    batches = BatchBytes.objects.filter(batch__mailing=key).values_list("pk", flat=True)
    entries = LogEntry.objects.filter(mailing=key)
    while hits.tell(key, held=datetime.timedelta(0)):
        pass
    while entries.filter(first=None).exists():
        events.stamp(key, 0)  # whoever comes too late sees by the last position that there was more
    left = False
    while batch := batches.first():
        left = True
        with transaction.atomic():
            Batch.objects.select_for_update().only("pk").get(pk=batch)  # two sweeps come one after the other
            ledger.forget(batch)
            BatchBytes.objects.filter(pk=batch).delete()
        if time.monotonic() > until:
            return False
    left |= _delete(LogEntry.objects.filter(mailing=key), until) > 0
    left |= _delete(Hit.objects.filter(mailing=key), until) > 0
    if left or time.monotonic() > until:
        return False
    Mailing.objects.filter(pk=key).update(over_at=None)
    logger.info("mailing %s: its records, and what else it knew of people, are deleted", mailing.request_id)
    return True


def _delete(rows: "QuerySet[Any]", until: float) -> int:
    """A piece at a time, while there is time; how many."""
    count = 0
    while time.monotonic() <= until and (piece := list(rows.values_list("pk", flat=True)[:ENTRIES])):
        count += rows.filter(pk__in=piece).delete()[0]
    return count
