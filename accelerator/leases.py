"""Work that is due, and who holds it: rows with a due time, a lease and an epoch, by the database's clock.

PostgreSQL decides who works; a broker only wakes. Every claim raises the epoch, and every write of the
holder is fenced by it (`holding`): a worker that slept past its lease changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

# Seconds of the longest lease. One that lies further ahead is left from before the database's clock was set back: it is
# void.
LONGEST = 600.0


class LeaseLost(Exception):
    """Somebody else holds the work now, or it was taken away; whatever was not committed is void."""


class Leased(models.Model):
    """A piece of work: due when `due_at` has come (null: nothing to do), owned while `leased_until` lies ahead."""

    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    epoch = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True


Work = TypeVar("Work", bound=Leased)


def due(rows: models.QuerySet[Work], limit: int) -> list[int]:
    """Primary keys (integers) of at most `limit` rows that are due and that nobody holds, longest due first."""
    return list(rows.filter(_free()).order_by("due_at").values_list("pk", flat=True)[:limit])


def claim(rows: models.QuerySet[Work], pk: object, *, seconds: float) -> Work | None:
    """Take the row if it is due and free; None if not. The row returned carries the new epoch."""
    with transaction.atomic():
        row = rows.filter(_free(), pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return None
        row.epoch += 1
        rows.model._default_manager.filter(pk=row.pk).update(epoch=row.epoch, leased_until=_until(seconds))
    return row


def renew(row: Leased, *, seconds: float) -> None:
    """Keep the row for `seconds` more. Raises LeaseLost."""
    if not _mine(row).update(leased_until=_until(seconds)):
        raise LeaseLost


def finish(row: Leased, *, due_in: float | None) -> None:
    """Let go of the row; it is due again in `due_in` seconds (None: when somebody says so). Raises LeaseLost."""
    due_at = None if due_in is None else Now() + timedelta(seconds=due_in)
    if not _mine(row).update(leased_until=None, due_at=due_at):
        raise LeaseLost


@contextmanager
def holding(row: Leased) -> Iterator[None]:
    """A transaction in which the row is locked and proved to be still held under its epoch. Raises LeaseLost."""
    with transaction.atomic():
        if not _mine(row).select_for_update(of=("self",)).exists():
            raise LeaseLost
        yield


def wake(rows: models.QuerySet[Work]) -> int:
    """Make rows due now, whoever holds them: the holder's `finish` is for the old wish, so it is taken away.

    Raising the epoch fences the holder: what it was doing is no longer what is wanted.
    """
    return rows.update(due_at=Now(), leased_until=None, epoch=F("epoch") + 1)


def _free() -> Q:
    held = Q(leased_until__gt=Now(), leased_until__lte=Now() + timedelta(seconds=LONGEST))
    return Q(due_at__lte=Now()) & (Q(leased_until__isnull=True) | ~held)


def _until(seconds: float) -> CombinedExpression:
    return Now() + timedelta(seconds=min(seconds, LONGEST))


def _mine(row: Leased) -> "models.QuerySet[Leased]":
    return type(row)._default_manager.filter(pk=row.pk, epoch=row.epoch)
