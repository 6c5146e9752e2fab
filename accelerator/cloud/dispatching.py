"""Chooses the batch that a woken sender works on: PostgreSQL decides, whoever was woken and why."""

import datetime
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, DateTimeField, Func, Min, Q
from django.db.models.functions import Now
from django.db.models.lookups import LessThanOrEqual

from accelerator import leases
from accelerator.cloud.models import Batch

# A limited mailing gets one sender for so many messages an hour: more of them would only wait for the rate.
RATE_PER_SENDER = 500 * 3600
# Batches of a mailing that are tried one after the other, while others take them away.
TRIES = 4


def take() -> Batch | None:
    """Lease the batch that is next; None if nothing is due."""
    for key in mailings():
        for pk in leases.due(Batch.objects.filter(forsaken(), mailing_id=key), TRIES):
            batch = leases.claim(Batch.objects.all(), pk, seconds=settings.SENDING_LEASE)
            if batch is not None:
                return batch
    return None


def forsaken() -> Q:
    """Batches that nobody comes back to, of those whose lease is over.

    Nobody can renew it while the database is away. For as long as one lasts after that, holders who live come first, to
    record what was sent meanwhile: it would be unknown.
    """
    started = Func(function="pg_postmaster_start_time", output_field=DateTimeField())
    lease = datetime.timedelta(seconds=settings.SENDING_LEASE)
    long_since = Q(LessThanOrEqual(started, Now() - lease))
    return Q(leased_until=None) | Q(holder=None) | Q(holder__ended_at__isnull=False) | long_since


def mailings() -> list[uuid.UUID]:
    """Mailings that could use a sender: those with the fewest first, then the longest due."""
    rows = sorted((row for row in _due() if row.room > 0), key=lambda row: (row.busy, row.first))
    return [row.key for row in rows]


def free_batches() -> int:
    """How many senders could begin at once."""
    return sum(max(row.room, 0) for row in _due())


@dataclass(frozen=True)
class Due:
    """A mailing with batches that are due, held or not."""

    key: uuid.UUID
    rate_per_hour: int | None
    first: datetime.datetime
    batches: int
    busy: int

    @property
    def room(self) -> int:
        """How many more senders find something to do."""
        senders = -(-self.rate_per_hour // RATE_PER_SENDER) if self.rate_per_hour else self.batches
        return min(self.batches, senders) - self.busy


def _due() -> list[Due]:
    rows = (
        Batch.objects.filter(due_at__lte=Now(), mailing__pace__free_at__lte=Now())
        .values("mailing_id", "mailing__rate_per_hour")
        .annotate(
            first=Min("due_at"),
            batches=Count("pk"),
            busy=Count("pk", filter=Q(leased_until__gt=Now())),
        )
        .order_by()
        .values_list("mailing_id", "mailing__rate_per_hour", "first", "batches", "busy")
    )
    return [Due(*row) for row in rows]
