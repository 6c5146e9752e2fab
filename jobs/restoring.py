"""What the dashboard does when its database was restored from an older copy: everything is held for review.

Each Job that is not at rest is paused by an Ask of nobody's, which the Cloud may know more about than this database;
notification mails that may have left are unknown; and no campaign is launched until somebody has reviewed which were.
"""

import logging
from functools import partial

from django.db import connection, transaction
from django.db.models.functions import Now

from accelerator import failpoints
from accelerator.marks import Generating, Restored
from jobs import granting, lifecycle, sentences, states
from jobs.models import Ask, Generation, Job, Notice, mark
from jobs.states import Wish

logger = logging.getLogger(__name__)


def look() -> None:
    """Notice it, if it is so, and hold everything."""
    try:
        mark.check()
    except Restored as error:
        notice(error)


def notice(error: Restored) -> None:
    """Hold everything, unless somebody did meanwhile."""
    with transaction.atomic():
        # One at a time: the second finds the generation that the first began.
        _alone()
        try:
            mark.check()
        except Restored:
            logger.critical("%s Everything is held for review.", error)
            hold(Generating.Cause.NOTICED)


def hold(cause: Generating.Cause) -> list[Job]:
    """Begin a new generation of the database, and hold every Job that is not at rest; those."""
    with transaction.atomic():
        _alone()
        jobs = list(Job.objects.exclude(state__in=states.TERMINAL).order_by("pk").select_for_update())
        generation = mark.begin(cause)
        for job in jobs:
            _hold(job)
        unsure = Notice.objects.filter(outcome__in=(Notice.Outcome.PENDING, Notice.Outcome.HANDING_OVER))
        unsure.update(
            outcome=Notice.Outcome.UNKNOWN,
            problem=sentences.RESTORED_NOTICE,
            settled_at=Now(),
            due_at=None,
            leased_until=None,
        )
        if not Job.objects.exists():  # a new database in the place of another: there is nothing to review
            Generation.objects.filter(pk=generation.pk).update(reviewed_at=Now())
        failpoints.reached("review.before")
        transaction.on_commit(partial(failpoints.reached, "review.after"))
    logger.warning("restored: %s jobs are held", len(jobs))
    return jobs


def under_review() -> Generating | None:
    """The restoration that nobody has reviewed yet."""
    generation = mark.current()
    return generation if generation is not None and generation.reviewed_at is None else None


def reviewed() -> bool:
    """Campaigns may be launched again; False if they could be anyway."""
    return bool(Generation.objects.filter(reviewed_at=None).update(reviewed_at=Now()))


def _hold(job: Job) -> None:
    """Nothing of its stage goes on, and the Cloud is asked to pause what it may have of it. A cancel stays one."""
    lifecycle.fence(job)
    waiting = job.asks.filter(outcome=Ask.Outcome.PENDING).first()
    if waiting is None or waiting.wish != Wish.CANCEL:
        granting.store(job, Wish.PAUSE, by=None, why=sentences.RESTORED)


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE jobs_generation IN SHARE ROW EXCLUSIVE MODE")
