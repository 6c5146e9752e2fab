"""Tells of hits in the log of their mailing, once it is known what else was done with the same mail."""

import datetime
import logging
import uuid
from collections import defaultdict
from collections.abc import Collection

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from accelerator import failpoints, protocol
from accelerator.cloud import events
from accelerator.cloud.hits import scanning
from accelerator.cloud.models import Hit, Intent

logger = logging.getLogger(__name__)

# Hits that are told at once.
MOST = 5_000

Recipient = tuple[int, int]  # batch, position


INTENTS = """
SELECT intent.id FROM unnest(%s::bigint[], %s::int[]) AS recipient (batch_id, position)
JOIN cloud_intent intent USING (batch_id, position) WHERE intent.address_key IS NOT NULL
"""
TRACES = """
SELECT hit.id, hit.batch_id, hit.position, hit.kind, hit.link, hit.at
FROM unnest(%s::bigint[], %s::int[]) AS recipient (batch_id, position)
JOIN cloud_hit hit USING (batch_id, position) WHERE hit.at BETWEEN %s AND %s ORDER BY hit.at
"""


def tell(key: uuid.UUID, *, held: datetime.timedelta | None = None) -> int:
    """Tell of hits that are older than `held`; how many they are. Any number of times with one effect.

    In the order of their times, and never before all is known that says who made them.
    """
    until = Now() - (settings.HITS_HELD if held is None else held)
    with transaction.atomic():
        due = Hit.objects.select_for_update(skip_locked=True).filter(mailing=key, told_at=None, at__lte=until)
        hits = list(due.order_by("at", "id")[:MOST])
        if hits:
            _tell(key, hits)
            Hit.objects.filter(pk__in=[hit.pk for hit in hits]).update(told_at=Now())
            failpoints.reached("told.before")
    if hits:
        failpoints.reached("told.after")
    return len(hits)


def are_told(key: uuid.UUID, until: datetime.datetime) -> bool:
    """Whether nothing is left to be told of hits up to then."""
    return not Hit.objects.filter(mailing=key, told_at=None, at__lte=until).exists()


def _tell(key: uuid.UUID, hits: list[Hit]) -> None:
    known = _intents({(hit.batch_id, hit.position) for hit in hits})
    scanned = _scanned(hits, known)
    happenings = []
    strangers = 0
    for hit in hits:
        intent = known.get((hit.batch_id, hit.position))
        strangers += intent is None
        if hit.kind == Hit.Kind.TRAP or intent is None or intent.is_forgotten:
            continue
        happenings.append(_happening(hit, intent, machine=hit.machine or hit.pk in scanned))
    if strangers:
        logger.warning(
            "mailing %s: %s hits of links to nobody: is this database older than the mails?", key, strangers
        )
    events.append(key, happenings)


def _happening(hit: Hit, intent: Intent, *, machine: bool) -> events.Happening:
    happening = events.Happening(
        kind=protocol.EventKind(hit.kind),
        batch=intent.batch.number,
        record=intent.position,
        recipient_id=intent.recipient_id,
        machine=machine,
        at=hit.at.isoformat(),
    )
    if hit.link is not None:
        happening["link"] = hit.link
    return happening


def _intents(recipients: Collection[Recipient]) -> dict[Recipient, Intent]:
    """Whoever was written to, with their batches."""
    with connection.cursor() as cursor:
        cursor.execute(INTENTS, _columns(recipients))
        found = [pk for (pk,) in cursor.fetchall()]
    rows = Intent.objects.filter(pk__in=found).select_related("batch")
    return {(intent.batch_id, intent.position): intent for intent in rows}


def _scanned(hits: list[Hit], known: dict[Recipient, Intent]) -> set[uuid.UUID]:
    """Which hits machines made, by what was done with the same mails before and after."""
    reach = datetime.timedelta(seconds=scanning.REACH)
    done: dict[Recipient, list[tuple[uuid.UUID, scanning.Trace]]] = defaultdict(list)
    with connection.cursor() as cursor:
        around = (min(hit.at for hit in hits) - reach, max(hit.at for hit in hits) + reach)
        cursor.execute(TRACES, [*_columns(known), *around])
        for pk, batch, position, kind, link, at in cursor.fetchall():
            done[batch, position].append((pk, scanning.Trace(kind, link, at.timestamp())))
    found = set()
    for recipient, some in done.items():
        sent_at = known[recipient].committed_at.timestamp()
        machines = scanning.by_machines([trace for _, trace in some], sent_at)
        found |= {pk for (pk, _), machine in zip(some, machines, strict=True) if machine}
    return found


def _columns(recipients: Collection[Recipient]) -> list[list[int]]:
    return [[batch for batch, _ in recipients], [position for _, position in recipients]]
