"""How fast a mailing may go: a rate exact across all senders, and patience with a server that is away."""

import math
import uuid
from datetime import timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Now

from accelerator.cloud.models import Pace

# Seconds of its rate that a mailing may make up for: a little over the time between two sweeps.
BURST = 3.0


def interval(rate_per_hour: int) -> float:
    """Seconds between two attempts at that rate; 0.0 without one."""
    return 3600.0 / rate_per_hour if rate_per_hour else 0.0


def shift(before: int, after: int) -> timedelta:
    """By how much the next attempt comes later when the rate changes: the last one stays when it was."""
    return timedelta(seconds=interval(after) - interval(before))


def reserve(key: uuid.UUID, rate_per_hour: int, wanted: int) -> tuple[int, float]:
    """How many attempts may begin now, and in how many seconds the next (0.0 without a rate).

    Call it in the transaction of the intents: the reservation stands or falls with them, and the lock on the
    mailing's pace makes senders reserve one after the other.
    """
    if not rate_per_hour or not wanted:
        return wanted, 0.0
    between = interval(rate_per_hour)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - free_at)::float8 FROM cloud_pace"
            " WHERE mailing_id = %s FOR UPDATE",
            [key],
        )
        # Seconds of the rate not used yet; negative while the next attempt must wait.
        saved = min(cursor.fetchone()[0], BURST)
        allowed = 0 if saved < 0 else min(wanted, 1 + math.floor(saved / between))
        left = saved - allowed * between
        if allowed:
            cursor.execute(
                "UPDATE cloud_pace SET free_at = clock_timestamp() - make_interval(secs => %s) WHERE mailing_id = %s",
                [left, key],
            )
    return allowed, max(-left, 0.0)


def give_back(key: uuid.UUID, rate_per_hour: int, count: int) -> None:
    """Reservations that were not used."""
    if rate_per_hour and count:
        back = timedelta(seconds=count * interval(rate_per_hour))
        Pace.objects.filter(mailing_id=key).update(free_at=F("free_at") - back)


def change(key: uuid.UUID, before: int, after: int) -> None:
    """The mailing's rate changes; its row is locked. Without one before, nothing was saved up."""
    free_at = F("free_at") + shift(before, after)
    Pace.objects.filter(mailing_id=key).update(free_at=free_at if before else Greatest(F("free_at"), Now()))


def rest(key: uuid.UUID, seconds: float) -> None:
    """Begin nothing of this mailing for a while."""
    later = Now() + timedelta(seconds=seconds)
    Pace.objects.filter(mailing_id=key).update(free_at=Greatest(F("free_at"), later))
