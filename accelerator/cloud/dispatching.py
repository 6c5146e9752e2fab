"""Chooses the batch that a woken sender works on: PostgreSQL decides, whoever was woken and why."""

import uuid

from django.conf import settings
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Now

from accelerator import leases
from accelerator.cloud.models import Batch

# A limited mailing gets one sender for so many messages an hour: more of them would only wait for the rate.
RATE_PER_SENDER = 500 * 3600
# Batches of a mailing that are tried one after the other, while others take them away.
TRIES = 4


def take() -> Batch | None:
    """Lease the batch that is next; None if nothing is due."""
    for key in mailings():
        for pk in leases.due(Batch.objects.filter(mailing_id=key), TRIES):
            batch = leases.claim(Batch.objects.all(), pk, seconds=settings.SENDING_LEASE)
            if batch is not None:
                return batch
    return None


def mailings() -> list[uuid.UUID]:
    """Mailings with batches that are due and free: those with the fewest senders first, then the longest due."""
    rows = [row for row in _due() if row["busy"] < min(row["batches"], _senders(row["rate"]))]
    rows.sort(key=lambda row: (row["busy"], row["first"]))
    return [row["mailing_id"] for row in rows]


def free_batches() -> int:
    """How many batches are due and held by nobody."""
    return sum(max(min(row["batches"], _senders(row["rate"])) - row["busy"], 0) for row in _due())


def _due():  # type: ignore[no-untyped-def]
    return (
        Batch.objects.filter(due_at__lte=Now(), mailing__pace__free_at__lte=Now())
        .values("mailing_id", rate=F("mailing__rate_per_hour"))
        .annotate(
            first=Min("due_at"),
            batches=Count("pk"),
            busy=Count("pk", filter=Q(leased_until__gt=Now())),
        )
        .order_by()
    )


def _senders(rate_per_hour: int | None) -> int:
    return -(-rate_per_hour // RATE_PER_SENDER) if rate_per_hour else 1_000_000
