"""What the stages after the freeze share: take in what the Cloud says, and say when it can't be asked."""

import logging
import time

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from accelerator import failpoints, leases
from accelerator.protocol import RESTORED, EventPage, MailingStatus
from jobs import lifecycle, rating
from jobs.client import CloudRefused, CloudUnreachable, cloud
from jobs.models import Ask, Job, Step
from jobs.results import facts
from jobs.states import Cause, State

logger = logging.getLogger(__name__)

RETRY = 3.0  # seconds until an unreachable Cloud is asked again

# Events in one page; seconds that a step pulls pages at most, and that it does so between two looks at a Job that is
# being sent.
PAGE, BUDGET, GLANCE = 1_000, 5.0, 1.0


def take_in(step: Step, status: MailingStatus) -> None:
    """Store counts and what the mailing waits for; follow the Cloud where it paused the mailing by itself."""
    job = step.job
    with lifecycle.holding(step):
        Job.objects.filter(pk=job.pk).update(
            counts_document=status.counts.model_dump(),
            counted_at=Now(),
            request_id=job.request_id or status.request_id,
            **waits(status),
        )
        rating.learn(job, status)
        if (
            status.stopped
            and job.state in (State.PROCESSING, State.COLLECTING)
            and (status.stopped.code == RESTORED or not _answered(job, status))
        ):
            lifecycle.move(
                job, State.PAUSED, Cause.PAUSE, why=status.stopped.reason, counts=status.counts.model_dump()
            )
        failpoints.reached("counts.before")
    failpoints.reached("counts.after")


def waits(status: MailingStatus) -> dict[str, object]:
    """The columns of Job that say what it waits for, now that the Cloud has answered."""
    held = status.held.reason if status.held else ""
    return {"waiting_for": held, "waiting_since": Coalesce("waiting_since", Now()) if held else None}


def pull(step: Step, budget: float = BUDGET) -> bool:
    """Pull the events behind the Job's cursor, page by page. True when all there were are here; False: go on later.

    A page that is not full is the last: what is told while it is on its way is for the next time.
    """
    job, until = step.job, time.monotonic() + budget
    job.refresh_from_db(fields=["events_cursor"])
    while time.monotonic() < until:
        before = job.events_cursor
        page = _page(step)
        if page.last < before:
            logger.warning("job %s: events up to %s are here, the Cloud says %s", job.pk, before, page.last)
        if len(page.events) < PAGE or job.events_cursor == before:
            return True
    return False


def finish(step: Step) -> bool:
    """Ask once more, which tells the Cloud that all before is stored; whoever never asks again says so by nothing else.

    False: the Cloud told of more, and does not have it any more.
    """
    page = _page(step)
    return len(page.events) == PAGE or step.job.events_cursor >= page.last


def _page(step: Step) -> EventPage:
    """One page of the events behind the Job's cursor, stored here.

    A page and the cursor behind it are stored together, so a page that comes again, whole or in part, changes nothing.
    A Cloud that refuses to tell is no better than one that is away (CloudUnreachable): the mailing itself is not in
    question.
    """
    job = step.job
    leases.renew(step, seconds=settings.STEP_LEASE)
    try:
        page = cloud().events(job.pk, job.events_cursor, PAGE)
    except CloudRefused as error:
        raise CloudUnreachable(f"The Cloud does not tell what came of the contacts: {error}") from error
    failpoints.reached("events.fetched")
    if page.events:
        with lifecycle.holding(step):
            facts.store(job, page)
            failpoints.reached("events.before")
        failpoints.reached("events.after")
    return page


def glance(step: Step) -> None:
    """Pull for a moment while the Job is being sent. Whatever is the matter with results, the sending goes on."""
    try:
        pull(step, GLANCE)
    except leases.LeaseLost:
        raise
    except CloudUnreachable as error:
        logger.warning("job %s: no results for now: %s", step.job_id, error)
    except Exception:
        logger.exception("job %s: results could not be taken in", step.job_id)


def wait(step: Step, error: CloudUnreachable) -> float:
    """The Cloud is away: the Job stays where it is, says so, and goes on by itself."""
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).filter(~Q(waiting_for=str(error))).update(
            waiting_for=str(error), waiting_since=Now()
        )
    return RETRY


def _answered(job: Job, status: MailingStatus) -> bool:
    """Whether an Ask is newer than what the Cloud told (it hears of those after the freeze): then this news is old."""
    freeze = job.transitions.filter(cause=Cause.FREEZE).values("number")
    return Ask.objects.filter(job=job, number__gt=status.seq, seen_version__gte=freeze[:1]).exists()
