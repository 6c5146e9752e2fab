"""Retention: what names a person is deleted for good, RETENTION after a Job's end and its results' window.

That is its files in the spool, the recipients' ids in its events, and every sentence that may quote a row or somebody.
Whatever the spool has beside that, of a Job that this database does not know or has forgotten before, goes as late.
The ledger, the events and the counts stay, and so do the rows of the batches: they name numbers, bytes and nobody.
"""

import logging
import time
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from jobs import sentences, spool, states
from jobs.models import Ask, Job, JobInstructions, Notice, RateChange, Release, Step, Transition
from jobs.results import facts

logger = logging.getLogger(__name__)

# Jobs that one sweep takes up at most, and seconds after which it takes up no more.
PIECE, BUDGET = 100, 20.0


def sweep() -> int:
    """Forget a piece of what is overdue; of how many Jobs. What could not be deleted is tried again the next time."""
    until, forgotten = time.monotonic() + BUDGET, 0
    for pk in overdue():
        if time.monotonic() > until:
            return forgotten
        forgotten += _forget(pk)
    for job_id in _strays():
        if time.monotonic() > until:
            return forgotten
        if _clear(job_id):
            logger.info("job %s: files that were left in the spool are deleted", job_id)
    return forgotten


def overdue() -> list[uuid.UUID]:
    """Jobs whose time is over, deleted ones too; in no order, so that those which fail don't stand before others.

    A Job that the Cloud has is left alone while a step of it is due: it may still be told of records. So is one whose
    notification mail waits for the mail server.
    """
    before = Now() - settings.RETENTION
    working = Step.objects.filter(job=OuterRef("pk"), due_at__isnull=False)
    unsaid = Notice.objects.filter(job=OuterRef("pk"), due_at__isnull=False)
    rows = Job.objects.filter(
        Q(collecting_until=None) | Q(collecting_until__lt=before),
        state__in=states.TERMINAL,
        state_since__lt=before,
        forgotten_at=None,
    ).exclude(Exists(working), request_id__isnull=False)
    rows = rows.exclude(Exists(unsaid))
    return list(rows.order_by("?").values_list("pk", flat=True)[:PIECE])


def _forget(pk: uuid.UUID) -> bool:
    """The files first, then the events, both any number of times: whoever dies in between is followed by the next."""
    if not _clear(pk):
        return False
    facts.forget_recipients(pk)
    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).get(pk=pk)
        for ledger in (Transition, Ask, RateChange, Release):
            ledger._default_manager.filter(job=job).exclude(why="").update(why=sentences.FORGOTTEN)
        Notice.objects.filter(job=job).update(to="", body=sentences.FORGOTTEN)
        Job.objects.filter(pk=pk).update(
            forgotten_at=Now(),
            dropped_file="",
            failure_sentence=sentences.FORGOTTEN if job.failure else "",
            waiting_for="",
            waiting_since=None,
            instructions_document=_nameless(job.instructions).model_dump(),
        )
    logger.info("job %s: its records, and whatever else could name a person, are deleted", pk)
    return True


def _nameless(instructions: JobInstructions) -> JobInstructions:
    """What was sent in whose name, without what it was made of: SQL and its values may name a person too."""
    audience = instructions.audience.model_copy(update={"sql": "", "variables": ()})
    without = {"audience": audience, "notification_address": "", "supplemental": {}, "supplemental_sql": ""}
    return instructions.model_copy(update=without)


def _clear(pk: uuid.UUID) -> bool:
    """Whether nothing of the Job is in the spool any more. Storages fail in their own ways."""
    try:
        spool.clear(pk)
    except Exception:
        logger.exception("job %s: its files in the spool could not be deleted; it is tried again", pk)
        return False
    return True


def _strays() -> list[uuid.UUID]:
    """Whose files lie in the spool without a Job that wants them, and have for long."""
    there = spool.jobs()
    wanted = set(Job.objects.filter(pk__in=there, forgotten_at=None).values_list("pk", flat=True))
    oldest = timezone.now() - settings.RETENTION
    return [job_id for job_id in there if job_id not in wanted and spool.untouched(job_id, since=oldest)][
        :PIECE
    ]
