"""Releases unknown recipients for another try: the one way in which somebody may be contacted twice, so a person's act.

It is refused as long as the process that left them may live: with a message in hand it could send after us.
"""

import logging
import uuid
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import Now

from accelerator import failpoints, protocol
from accelerator.cloud import intake, ledger, locking, senders
from accelerator.cloud.models import Abandoned, Batch, Mailing, Release, SenderProcess, mark
from accelerator.protocol import Desired

logger = logging.getLogger(__name__)

NOT_ACCEPTED = "The Cloud has not accepted this mailing: nobody of it was contacted."
CANCELLED = "The mailing was cancelled, which is final: nobody of it is contacted any more."
RESTORED = (
    "The Cloud's database was restored from an older copy, which does not know who was contacted: compare with the mail"
    " server's log, and launch anew to whoever it does not name."
)
FORGOTTEN = "The mailing's time is over: who its recipients were is not kept."
LIVING = (
    "Processes that were in the middle of sending may still have messages in hand. Those of machines that run the Cloud"
    " are noticed when they end; of a machine that is gone, a person must say so."
)


@dataclass(frozen=True)
class Look:
    """What may be released of a mailing now."""

    batches: list[Batch]
    processes: list[SenderProcess]
    unknown: int
    refusal: str

    @property
    def releasable(self) -> int:
        return sum(batch.unknown for batch in self.batches)


def report(mailing: Mailing) -> protocol.Unknowns:
    """Of how many nobody can know, and what stands in the way of trying them again."""
    senders.look()
    seen = _look(mailing)
    return protocol.Unknowns(
        unknown=seen.unknown,
        releasable=seen.releasable,
        refusal=seen.refusal,
        senders=[
            protocol.LivingSender(id=row.pk, host=row.host, pid=row.pid, since=protocol.iso(row.began_at))
            for row in seen.processes
        ],
    )


def release(key: uuid.UUID, act: uuid.UUID, why: str, expected: int | None = None) -> protocol.Released:
    """Try again whoever is unknown and may be tried, if they are as many as `expected`; the same act again answers what
    it did. Raises Refused.
    """
    senders.look()
    with transaction.atomic():
        # Alone: no window is open, and no other act goes on.
        mailing = locking.alone(key)
        done = Release.objects.filter(mailing=mailing, act=act).first()
        if done is None:
            done = _release(mailing, act, why, expected)
            failpoints.reached("freed.before")
            transaction.on_commit(partial(failpoints.reached, "freed.after"))
    return protocol.Released(recipients=done.recipients, at=protocol.iso(done.at))


def _release(mailing: Mailing, act: uuid.UUID, why: str, expected: int | None) -> Release:
    seen = _look(mailing)
    if not seen.releasable:
        raise intake.Conflict(seen.refusal or "Nobody of this mailing is unknown.")
    if expected not in (None, seen.releasable):
        raise intake.Conflict(
            f"There were {expected:,} when you looked, and there are {seen.releasable:,} now."
        )
    count = sum(ledger.free(batch) for batch in seen.batches)
    if mailing.desired == Desired.RUN and not mailing.stopped_code:
        Batch.objects.filter(pk__in=[batch.pk for batch in seen.batches]).update(due_at=Now())
    Mailing.objects.filter(pk=mailing.pk).update(over_at=None)
    done = Release.objects.create(mailing=mailing, act=act, recipients=count, why=why)
    done.refresh_from_db()
    mark.rise()
    logger.warning("mailing %s: %s unknown recipients are tried again: %s", mailing.request_id, count, why)
    return done


def _look(mailing: Mailing) -> Look:
    batches = Batch.objects.filter(mailing=mailing, unknown__gt=0)
    unknown = batches.aggregate(count=Sum("unknown", default=0))["count"]
    if refusal := _refusal(mailing):
        return Look([], [], unknown, refusal)
    living = _living(mailing)
    processes = SenderProcess.objects.filter(pk__in=living.values("process")).order_by("pk")
    blocked = living.filter(batch=OuterRef("pk"))
    free = list(batches.filter(~Exists(blocked)).order_by("pk"))
    some_blocked = len(free) < batches.count()
    return Look(free, list(processes) if some_blocked else [], unknown, LIVING if some_blocked else "")


def _living(mailing: Mailing) -> "QuerySet[Abandoned]":
    """What was left by processes of which nobody has proved that they ended."""
    return Abandoned.objects.filter(mailing=mailing, process__in=SenderProcess.objects.filter(ended_at=None))


def _refusal(mailing: Mailing) -> str:
    """Why nobody of it may be tried again, whoever has ended."""
    if mailing.request_id is None:
        return NOT_ACCEPTED
    if mailing.forgotten_at is not None:
        return FORGOTTEN
    if mailing.restored_at is not None:
        return RESTORED
    return CANCELLED if mailing.desired == Desired.CANCEL else ""
