"""Collecting: follow what comes of the contacts until the window is over; also for Paused and cancelled Jobs."""

from datetime import timedelta

from django.db.models.functions import Now

from jobs import lifecycle
from jobs.client import CloudRefused, CloudUnreachable, cloud
from jobs.models import Job, Step
from jobs.stages import following
from jobs.states import Cause, State

# How often the Cloud is asked, by the time since the Job's last change of state: (younger than, seconds).
RHYTHM = (
    (timedelta(minutes=5), 1.0),
    (timedelta(hours=1), 10.0),
    (timedelta(days=1), 60.0),
)
SLOWEST = 600.0


def run(step: Step) -> float | None:
    """Take in the counts; complete when the window is over. None: nothing more comes of this Job."""
    job = step.job
    if job.before_freeze or job.state == State.COMPLETED or job.request_id is None:
        return None
    try:
        following.take_in(step, cloud().status(job.pk))
    except CloudUnreachable as error:
        due_in = following.wait(step, error)
        return due_in if not _over(job) else 60.0
    except CloudRefused as error:
        return following.wait(step, CloudUnreachable(f"The Cloud does not answer for this Job: {error}")) * 20
    if _over(job):
        _end(step)
        return None
    return _rhythm(job)


def _over(job: Job) -> bool:
    """Whether the window is over, by the database's clock."""
    return Job.objects.filter(pk=job.pk, collecting_until__lte=Now()).exists()


def _end(step: Step) -> None:
    """A Failed Job keeps its state; a Job Paused while Processing has no window yet and never gets here."""
    job = step.job
    if job.state == State.COLLECTING or (job.state == State.PAUSED and job.paused_from == State.COLLECTING):
        with lifecycle.holding(step):
            lifecycle.move(
                job, State.COMPLETED, Cause.WINDOW_OVER, counts=job.counts_document, waiting_for=""
            )


def _rhythm(job: Job) -> float:
    for age, seconds in RHYTHM:
        if Job.objects.filter(pk=job.pk, state_since__gt=Now() - age).exists():
            return seconds
    return SLOWEST
