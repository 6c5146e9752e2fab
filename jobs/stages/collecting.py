"""Collecting: follow what comes of the contacts until the window is over; also for Paused and cancelled Jobs."""

import logging
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Now

from accelerator import failpoints
from accelerator.heartbeats import beating
from accelerator.protocol import ControlRequest, Desired, MailingState, MailingStatus
from jobs import granting, lifecycle, sentences
from jobs.client import CloudRefused, CloudUnreachable, cloud
from jobs.models import Job, Step
from jobs.stages import following, leftovers, transferring
from jobs.states import Cause, State

logger = logging.getLogger(__name__)

# How often the Cloud is asked, by the time since the Job's last change of state: (younger than, seconds).
RHYTHM = (
    (timedelta(minutes=5), 1.0),
    (timedelta(hours=1), 10.0),
    (timedelta(days=1), 60.0),
)
SLOWEST = 600.0
SETTLING = 1.0
UNARRIVED = 10.0
# Until the Cloud is asked again whether it knows a Job that never was submitted.
UNASKED = 30.0
# How long a Cloud that does not answer is asked for the last results of a cancelled Job, after its window.
PATIENCE = timedelta(days=1)

DELETED = (
    "Not all that the Cloud told of this Job is here, and it does not have it any more: it deletes what nobody came for"
    " in time. The counts are the Cloud's; of opens, clicks and the kinds of bounces only a part is known."
)


def run(step: Step) -> float | None:
    """Take in counts and events; complete when the window is over. None: nothing more comes of this Job."""
    job = step.job
    if job.state in (State.INITIALIZING, State.COMPLETED):
        return None
    if job.before_freeze:
        return leftovers.clear(step)
    if job.state == State.FAILED and job.request_id is None:
        return _never_accepted(step)
    over = _over(job)
    try:
        with beating(step, seconds=settings.STEP_LEASE):
            return _follow(step, over=over)
    except (CloudUnreachable, CloudRefused) as error:
        # A cancelled Job's last results are asked for a while longer, and then no more.
        if job.state == State.FAILED and _over(job, since=PATIENCE):
            return None
        if isinstance(error, CloudUnreachable):
            return following.wait(step, error)
        return following.wait(step, CloudUnreachable(f"The Cloud does not answer for this Job: {error}")) * 20


def _never_accepted(step: Step) -> float | None:
    """Nothing is left of the Job here, but for a list of dropped rows that says why; and nothing is at the Cloud.

    The Cloud is asked for that, as the proof that the page shows. What was frozen may have been submitted: should the
    Cloud have it after all, it is stopped; its records say what was sent, and stay until the time of the Job is over
    (`retention`).
    """
    job = step.job
    if job.denied_at is not None:
        return leftovers.clear(step)
    again = leftovers.clear(step) if job.frozen_at is None else 0.0
    try:
        with beating(step, seconds=settings.STEP_LEASE):
            status = cloud().status(job.pk)
            if status.request_id is not None:
                return _known_after_all(step, status)
    except CloudUnreachable:
        return UNASKED
    except CloudRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            return UNASKED * 20
    with lifecycle.holding(step):
        Job.objects.filter(pk=job.pk).update(denied_at=Now())
        failpoints.reached("denied.before")
    failpoints.reached("denied.after")
    return again


def _known_after_all(step: Step, status: MailingStatus) -> float:
    """It can't be, and somebody must look; until then nobody else is contacted, and the page does not say that nobody
    was. From now on what came of the contacts is followed, as of any Job that was cancelled."""
    job = step.job
    logger.critical("job %s: the Cloud has a mailing of this Job, which never was submitted", job.pk)
    number = max(_next_number(step), status.seq + 1)
    status = cloud().control(job.pk, ControlRequest(seq=number, desired=Desired.CANCEL))
    if status.state is not MailingState.CANCELLED:
        return UNARRIVED
    with lifecycle.holding(step):
        Job.objects.filter(pk=job.pk).update(
            request_id=status.request_id,
            counts_document=status.counts.model_dump(),
            counted_at=Now(),
            collecting_until=lifecycle.window_end(),
            failure_sentence=sentences.known_after_all(job, status.counts),
            # Of a Job that was never frozen nobody knows how many it would have been.
            extracted=Coalesce("extracted", Value(status.counts.transferred)),
        )
    return 0.0


def _follow(step: Step, *, over: bool) -> float | None:
    """One look at the Cloud. Once the window is over, retries are called off before anything else is asked."""
    job = step.job
    try:
        status = cloud().status(job.pk)
    except CloudRefused as error:
        if job.request_id is None:
            return UNARRIVED
        if over and error.status == HTTPStatus.NOT_FOUND:
            _forgotten(step)
            return None
        raise
    if status.request_id is None:
        return _unarrived(step, over=over)
    following.take_in(step, status)
    if not transferring.complete(step, status) or (
        job.transferred_at is None and job.state == State.COLLECTING
    ):
        transferring.transfer(step, cloud())
    if over and not _settled(step, status):
        return SETTLING
    if not following.pull(step):
        return 0.0
    if not over:
        return _rhythm(job)
    _end(step, status)
    return None


def _end(step: Step, status: MailingStatus) -> None:
    """Nobody asks for more of this Job: the Cloud hears so, and what it could not tell any more is said."""
    job = step.job
    why = "" if following.finish(step) else DELETED
    with lifecycle.holding(step):
        if job.state != State.FAILED:
            counts = status.counts.model_dump()
            lifecycle.move(job, State.COMPLETED, Cause.WINDOW_OVER, why=why, counts=counts, waiting_for="")
        elif why and why not in job.failure_sentence:
            Job.objects.filter(pk=job.pk).update(failure_sentence=f"{job.failure_sentence} {why}")
        failpoints.reached("completed.before")
    failpoints.reached("completed.after")


def _unarrived(step: Step, *, over: bool) -> float | None:
    """Paused before the submission arrived, which may be on its way; or it had, and the Cloud has forgotten it."""
    if not over or step.job.request_id is None:
        return UNARRIVED
    _forgotten(step)
    return None


def _over(job: Job, since: timedelta = timedelta(0)) -> bool:
    """Whether the window is over, by the database's clock. A Job Paused while Processing has no window yet."""
    return Job.objects.filter(pk=job.pk, collecting_until__lte=Now() - since).exists()


def _settled(step: Step, status: MailingStatus) -> bool:
    """Whether nobody is contacted any more. What the Cloud would still retry is called off, and is then Not sent.

    What comes to rest meanwhile is pulled before the Job completes, so that events and counts tell the same.
    """
    called_off = step.job.state == State.FAILED or status.state is MailingState.CANCELLED
    if not called_off and not status.counts.at_rest:
        request = ControlRequest(seq=_next_number(step), desired=Desired.CANCEL)
        following.take_in(step, cloud().control(step.job_id, request))
        return False
    return not status.counts.in_flight


def _forgotten(step: Step) -> None:
    """The window is over, and the Cloud does not know the mailing any more: no more results can come."""
    if step.job.state == State.FAILED:
        return
    with lifecycle.holding(step):
        lifecycle.move(
            step.job,
            State.COMPLETED,
            Cause.WINDOW_OVER,
            why="The Cloud does not know this Job any more: of whoever had no outcome, nobody can know.",
            counts_document=granting.forgotten(step.job),
            waiting_for="",
        )


def _next_number(step: Step) -> int:
    """A number for our own word to the Cloud, in the row of the people's Asks."""
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).update(last_ask=F("last_ask") + 1)
        number: int = Job.objects.values_list("last_ask", flat=True).get(pk=step.job_id)
        failpoints.reached("number.before")
    failpoints.reached("number.after")
    return number


def _rhythm(job: Job) -> float:
    for age, seconds in RHYTHM:
        if Job.objects.filter(pk=job.pk, state_since__gt=Now() - age).exists():
            return seconds
    return SLOWEST
