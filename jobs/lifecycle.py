"""move(): the only writer of Job.state, by compare-and-set, each with its line in the ledger and what is due then."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Now

from accelerator import failpoints, leases
from jobs import sentences, states
from jobs.models import Ask, Job, Notice, RateChange, Step, Transition, mark
from jobs.states import Cause, Failure, State

logger = logging.getLogger(__name__)


def move(
    job: Job,
    target: State,
    cause: Cause,
    *,
    by: User | None = None,
    why: str = "",
    ask: Ask | None = None,
    counts: dict[str, int] | None = None,
    **fields: object,
) -> bool:
    """Move the Job along one edge, if it still stands where `job` says.

    1. The edge must be drawn (IllegalTransition otherwise).
    2. Compare-and-set on state and version, together with `fields`; False if somebody else was first.
    3. A line in the ledger.
    4. At an end, a change of the rate that the Cloud has not heard of lapses.
    5. The steps of the old state are fenced off, the one of the new state is due.
    """
    origin = State(job.state)
    states.check(origin, target, cause, paused_from=State(job.paused_from) if job.paused_from else None)
    paused_from = origin if target is State.PAUSED else None
    with transaction.atomic():
        moved = Job.objects.filter(pk=job.pk, state=origin, version=job.version).update(
            state=target, version=job.version + 1, state_since=Now(), paused_from=paused_from, **fields
        )
        if not moved:
            return False
        job.refresh_from_db()
        Transition.objects.create(
            job=job,
            number=job.version,
            origin=origin,
            target=target,
            cause=cause,
            by=by,
            why=why,
            counts=counts,
            ask=ask,
            at=job.state_since,
        )
        if target in states.TERMINAL:
            job.rate_changes.filter(outcome=RateChange.Outcome.PENDING).update(
                outcome=RateChange.Outcome.LAPSED, settled_at=Now()
            )
        _schedule(job)
        mark.rise()
        tell("job %s, Request ID %s: %s, now %s", job.pk, job.request_id or "none", cause, target)
    return True


@contextmanager
def holding(step: Step) -> Iterator[None]:
    """A transaction in which a stage may write: the Job is locked, then the step proved to be still ours.

    Always in this order, the same as an Ask's: locks never wait for each other in a ring. Raises LeaseLost.
    """
    with transaction.atomic():
        Job.objects.select_for_update(of=("self",)).only("pk").get(pk=step.job_id)
        with leases.holding(step):
            yield


def begin(job: Job, *, by: User) -> None:
    """The first line of the ledger, and the first step: a new Job is Initializing."""
    Transition.objects.create(
        job=job, number=0, target=State.INITIALIZING, cause=Cause.LAUNCH, by=by, at=job.created_at
    )
    _schedule(job)
    mark.rise()
    tell("job %s: launched, now %s", job.pk, State.INITIALIZING)


def fail(job: Job, failure: Failure, sentence: str) -> bool:
    """A failure during Initializing: nobody was contacted, and one notification mail says so."""
    sentence = sentences.never_started(sentence)
    with transaction.atomic():
        moved = move(
            job,
            State.FAILED,
            Cause.ERROR,
            why=sentence,
            failure=failure,
            failure_sentence=sentence,
            waiting_for="",
        )
        if moved:
            notify(job)
        failpoints.reached("failed.before")
        transaction.on_commit(partial(failpoints.reached, "failed.after"))
    return moved


def tell(sentence: str, *values: object) -> None:
    """Log it once it is true."""
    transaction.on_commit(partial(logger.info, sentence, *values), robust=True)


def window_end() -> models.Expression:
    """When collecting ends if the last contact is now, by the database's clock."""
    return Now() + Value(settings.COLLECTING_WINDOW, output_field=models.DurationField())


def notify(job: Job) -> None:
    """Write the Job's notification mail, of what is so now."""
    subject, body = sentences.notice(job)
    Notice.objects.create(
        job=job, to=job.instructions.notification_address, subject=subject, body=body, due_at=job.state_since
    )


def _schedule(job: Job) -> None:
    """Fence off the steps of the state left behind and make the new state's step due."""
    fence(job)
    kind = _step_of(job)
    if kind is not None:
        due(job, kind)


def fence(job: Job) -> None:
    """Take the stage's steps away from whoever holds them; nothing of theirs counts any more."""
    job.steps.exclude(kind=Step.Kind.CONTROLLING).update(due_at=None, leased_until=None, epoch=F("epoch") + 1)


def _step_of(job: Job) -> Step.Kind | None:
    match State(job.state):
        case State.INITIALIZING:
            return Step.Kind.INITIALIZING
        case State.PROCESSING:
            return Step.Kind.PROCESSING
        case State.COLLECTING | State.PAUSED | State.FAILED:
            # Results of people already contacted keep coming in; what was extracted for nobody is deleted.
            return Step.Kind.COLLECTING
        case State.COMPLETED:
            return None


def due(job: Job, kind: Step.Kind) -> None:
    """Make a step due at once, whoever holds it, with new patience."""
    Step.objects.get_or_create(job=job, kind=kind)
    leases.wake(job.steps.filter(kind=kind))
    job.steps.filter(kind=kind).update(attempts=0)
