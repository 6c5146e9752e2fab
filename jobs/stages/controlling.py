"""Controlling: tell the Cloud what was asked after the freeze, and grant the Ask when it has acknowledged.

Runs beside the other stages. The newest Ask is told under its number, so an older message can never win.
"""

from functools import partial
from http import HTTPStatus

from django.conf import settings
from django.db import transaction

from accelerator import failpoints
from accelerator.heartbeats import beating
from accelerator.protocol import ControlRequest, Desired, MailingState, MailingStatus
from jobs import granting, lifecycle, rating
from jobs.client import CloudRefused, CloudUnreachable, cloud
from jobs.models import Ask, Job, Step
from jobs.stages import following, rates
from jobs.states import Wish

DESIRED = {Wish.PAUSE: Desired.PAUSE, Wish.RESUME: Desired.RUN, Wish.CANCEL: Desired.CANCEL}


def run(step: Step) -> float | None:
    """Tell the Cloud of the pending Ask; grant it when acknowledged; ask again soon where it can't be reached.

    A change of the rate comes after it.
    """
    ask = _pending(step.job)
    if ask is None:
        return _rate(step)
    failpoints.reached("control.before")
    with beating(step, seconds=settings.STEP_LEASE):
        try:
            status = _tell(step.job, ask)
        except CloudUnreachable as error:
            return following.wait(step, error)
        except CloudRefused as error:
            return following.wait(step, CloudUnreachable(f"The Cloud refused the Ask: {error}")) * 5
        failpoints.reached("control.after")
        settled = _settle(step, ask, status)
    failpoints.reached("grant.after")
    return None if settled and rating.pending(step.job) is None else 0.0


def _rate(step: Step) -> float | None:
    """Tell the Cloud of the latest rates, if it has the Job; else they are told behind the submission."""
    if step.job.request_id is None or rating.pending(step.job) is None:
        return None
    with beating(step, seconds=settings.STEP_LEASE):
        try:
            rates.tell(step)
        except CloudUnreachable as error:
            return following.wait(step, error)
    return 0.0


def _tell(job: Job, ask: Ask) -> MailingStatus:
    """Tell the Cloud. Of a Job before the freeze only if the Cloud has it, against all this database knows.

    Then it can't be gone on with here, and is stopped there.
    """
    wish = DESIRED[Wish(ask.wish)]
    if job.before_freeze:
        try:
            cloud().status(job.pk)
        except CloudRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return MailingStatus(key=str(job.pk), state=MailingState.UNKNOWN, seq=ask.number)
        wish = Desired.CANCEL
    return cloud().control(job.pk, ControlRequest(seq=ask.number, desired=wish))


def _settle(step: Step, ask: Ask, status: MailingStatus) -> bool:
    """Grant the Ask under the Job's lock, unless a newer one came meanwhile (False: run again for that)."""
    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).get(pk=step.job_id)
        with lifecycle.holding(step):
            current = _pending(job)
            if current is None or current.number != ask.number:
                return current is None
            if status.seq != ask.number:
                _renumber(job, current, status.seq)
                failpoints.reached("renumber.before")
                transaction.on_commit(partial(failpoints.reached, "renumber.after"))
                return False
            granting.grant(job, current, status)
            failpoints.reached("grant.before")
    return True


def _renumber(job: Job, ask: Ask, applied: int) -> None:
    """The Cloud has applied a later word than ours (this database is older than it): ours is said again, above it."""
    job.last_ask = max(job.last_ask, applied) + 1
    Job.objects.filter(pk=job.pk).update(last_ask=job.last_ask)
    Ask.objects.filter(pk=ask.pk).update(number=job.last_ask)


def _pending(job: Job) -> Ask | None:
    return job.asks.filter(outcome=Ask.Outcome.PENDING).select_related("by").first()
