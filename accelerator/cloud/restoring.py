"""What the Cloud does when its database was restored from an older copy: everything is held, nothing is sent again.

Whoever has no outcome in an unfinished mailing may have been contacted by what the copy does not know, and becomes
unknown: a sender sees to that, batch by batch (`delivering`), because their addresses stand in the batches.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from accelerator import failpoints
from accelerator.cloud import events, guarding, intake
from accelerator.cloud.models import Batch, Mailing, mark
from accelerator.marks import Generating, Restored
from accelerator.protocol import Desired

logger = logging.getLogger(__name__)

REASON = (
    "The Cloud's database was restored from an older copy. Whoever had no outcome in it may have been contacted since,"
    " and is Unknown: compare with the mail server's log. Nobody is contacted again by this Job; resume to let it"
    " come to its end."
)

# More batches than anybody makes between a copy and its restoration.
APART = 2**32
FAR_AHEAD = """
SELECT setval(pg_get_serial_sequence('cloud_batch', 'id'),
    nextval(pg_get_serial_sequence('cloud_batch', 'id')) + %s)
"""

Result = TypeVar("Result")


def look() -> None:
    """Notice it, if it is so, and hold everything."""
    try:
        mark.check()
    except Restored as error:
        notice(error)


def minding(act: Callable[[], Result]) -> Result:
    """Act; where it shows that the database was restored, hold everything and act once more."""
    try:
        return act()
    except Restored as error:
        notice(error)
        return act()


def notice(error: Restored) -> int:
    """Hold everything, unless somebody did meanwhile."""
    with transaction.atomic():
        # One at a time: the second finds the generation that the first began.
        _alone()
        try:
            mark.check()
        except Restored:
            logger.critical("%s Everything is held for review.", error)
            return hold(Generating.Cause.NOTICED)
    return 0


def hold(cause: Generating.Cause) -> int:
    """Begin a new generation of the database and hold every mailing that is not at its end; how many there were."""
    with transaction.atomic():
        _alone()
        keys = list(_unfinished().select_for_update(of=("self",)).values_list("pk", flat=True))
        Mailing.objects.filter(pk__in=keys).update(
            restored_at=Now(),
            stopped_code=guarding.RESTORED,
            stopped_reason=REASON,
            stopped_since=Now(),
            held_code="",
            held_reason="",
            held_since=None,
            over_at=None,
        )
        # Whoever holds a batch by what the database said does so no longer.
        for key in keys:
            intake.unfinished(key).update(due_at=Now(), leased_until=None, epoch=F("epoch") + 1)
        # Links name batches by their numbers: no new batch gets one that stands in mails the copy does not know of.
        with connection.cursor() as cursor:
            cursor.execute(FAR_AHEAD, [APART])
        # What readers may have seen keeps its position.
        events.stamp_all()
        mark.begin(cause)
        failpoints.reached("hold.before")
        transaction.on_commit(partial(failpoints.reached, "hold.after"))
    logger.warning("restored: %s mailings are held", len(keys))
    return len(keys)


def _unfinished() -> QuerySet[Mailing]:
    missing = Batch.objects.filter(Q(received_at=None) | intake.not_at_rest(), mailing=OuterRef("pk"))
    accepted = Mailing.objects.filter(request_id__isnull=False).exclude(desired=Desired.CANCEL)
    return accepted.filter(Exists(missing)).order_by("pk")


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE cloud_generation IN SHARE ROW EXCLUSIVE MODE")
