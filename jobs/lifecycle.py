"""move() and grant(): the only writers of Job.state, by compare-and-set, each move with its line in the ledger."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Now

from accelerator import failpoints, leases
from accelerator.protocol import MailingState, MailingStatus
from jobs import sentences, states
from jobs.models import Ask, Job, Notice, Step, Transition, mark
from jobs.states import Cause, Failure, State, Wish

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
    4. The steps of the old state are fenced off, the one of the new state is due.
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
        _schedule(job)
        mark.rise()
        _tell("job %s, Request ID %s: %s, now %s", job.pk, job.request_id or "none", cause, target)
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
    _tell("job %s: launched, now %s", job.pk, State.INITIALIZING)


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
            _notify(job)
        failpoints.reached("failed.before")
        transaction.on_commit(partial(failpoints.reached, "failed.after"))
    return moved


def stop(job: Job, failure: Failure, sentence: str) -> None:
    """A failure in Processing: the mailing is stopped first, by an Ask of nobody's; then the Job fails."""
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        if current.version == job.version and current.state == State.PROCESSING:
            fence(current)
            store(current, Wish.CANCEL, by=None, why=sentence, failure=failure)
            failpoints.reached("halt.before")
            transaction.on_commit(partial(failpoints.reached, "halt.after"))


def store(job: Job, wish: Wish, *, by: User | None, why: str, failure: Failure | None = None) -> Ask:
    """Store an Ask about a locked Job; it replaces the pending one and makes the talk with the Cloud due."""
    job.asks.filter(outcome=Ask.Outcome.PENDING).update(outcome=Ask.Outcome.WITHDRAWN, settled_at=Now())
    job.last_ask += 1
    Job.objects.filter(pk=job.pk).update(last_ask=job.last_ask)
    ask = Ask.objects.create(
        job=job,
        number=job.last_ask,
        wish=wish,
        by=by,
        why=why,
        seen_state=job.state,
        seen_version=job.version,
        failure=failure or "",
    )
    if by is None or not job.before_freeze:
        _due(job, Step.Kind.CONTROLLING)
    mark.rise()
    _tell("job %s: ask %s, %s", job.pk, ask.number, wish)
    return ask


def grant(job: Job, ask: Ask, status: MailingStatus | None = None) -> bool:
    """Grant a pending Ask about a locked Job. After the freeze `status` is the Cloud's acknowledgement.

    Returns whether it was granted; False if the Job moved on meanwhile (then the Ask lapses).
    """
    with transaction.atomic():
        granted = GRANTS[Wish(ask.wish)](job, ask, status)
        ask.outcome = Ask.Outcome.GRANTED if granted else Ask.Outcome.LAPSED
        Ask.objects.filter(pk=ask.pk).update(outcome=ask.outcome, settled_at=Now())
    return granted


def _pause(job: Job, ask: Ask, status: MailingStatus | None) -> bool:
    if job.before_freeze and status is not None and status.request_id is not None:
        return _overtaken(job, ask, status)
    if job.state == State.PAUSED:  # the Cloud had paused it by itself meanwhile
        return True
    return not job.rests and move(
        job,
        State.PAUSED,
        Cause.PAUSE,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **_news(status),
    )


def _overtaken(job: Job, ask: Ask, status: MailingStatus) -> bool:
    """The Cloud has a Job that was still extracting in the copy that this database was restored from."""
    fields = _news(status) | {
        "frozen_at": Now(),
        "transferred_at": Now(),
        "extracted": status.counts.transferred,
        "collecting_until": window_end(),
        "failure": Failure.INTERNAL,
        "failure_sentence": sentences.overtaken(status.counts),
    }
    return move(
        job,
        State.FAILED,
        Cause.ERROR if job.state == State.INITIALIZING else Cause.CANCEL,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **fields,
    )


def _resume(job: Job, ask: Ask, status: MailingStatus | None) -> bool:
    if job.state != State.PAUSED:  # it withdrew a Pause that had not been granted
        return not job.rests
    return move(
        job,
        State(job.paused_from or State.INITIALIZING),
        Cause.RESUME,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **_news(status),
    )


def _cancel(job: Job, ask: Ask, status: MailingStatus | None) -> bool:
    if job.rests or (ask.failure and job.state == State.COLLECTING):
        return False
    never_accepted = job.request_id is None and (status is None or status.request_id is None)
    by = (ask.by.get_full_name() or ask.by.get_username()) if ask.by else ""
    if ask.failure:
        failure, sentence = Failure(ask.failure), ask.why
    elif never_accepted and job.asks.filter(by=None, why=sentences.RESTORED).exists():
        failure, sentence = Failure.CANCELLED, sentences.cancelled_in_review(by)
    elif never_accepted:
        failure, sentence = Failure.EXTRACTION_CANCELLED, sentences.extraction_cancelled(by)
    else:
        counts = status.counts if status and status.request_id else job.counts
        failure, sentence = Failure.CANCELLED, sentences.cancelled(by, counts)
    fields = _news(status) | {"failure": failure, "failure_sentence": sentence, "waiting_for": ""}
    if status is not None and status.request_id is None and job.request_id is not None:
        fields["counts_document"] = forgotten(job)
    if not never_accepted:
        fields["collecting_until"] = Coalesce(F("collecting_until"), window_end())
    moved = move(
        job,
        State.FAILED,
        Cause.ERROR if ask.failure and job.state == State.PROCESSING else Cause.CANCEL,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **fields,
    )
    if moved and failure is Failure.EXTRACTION_CANCELLED:
        _notify(job)
    return moved


GRANTS = {Wish.PAUSE: _pause, Wish.RESUME: _resume, Wish.CANCEL: _cancel}


def _tell(sentence: str, *values: object) -> None:
    """Log it once it is true."""
    transaction.on_commit(partial(logger.info, sentence, *values), robust=True)


def window_end() -> models.Expression:
    """When collecting ends if the last contact is now, by the database's clock."""
    return Now() + Value(settings.COLLECTING_WINDOW, output_field=models.DurationField())


def _news(status: MailingStatus | None) -> dict[str, object]:
    """The columns of Job that the Cloud's answer settles."""
    if status is None or status.state is MailingState.UNKNOWN:
        return {"waiting_for": "", "waiting_since": None}
    return {
        "request_id": status.request_id,
        "counts_document": status.counts.model_dump(),
        "counted_at": Now(),
        "waiting_for": "",
        "waiting_since": None,
    }


def forgotten(job: Job) -> dict[str, int]:
    """The counts of a Job that the Cloud does not know any more: of whoever had no outcome, nobody can know."""
    counts = job.counts
    unknown = (job.extracted or 0) - counts.delivered - counts.bounced - counts.suppressed
    unknown -= counts.render_errors + counts.not_sent
    settled = {"waiting": 0, "in_flight": 0, "deferred": 0, "unknown": unknown}
    whole = {"transferred": job.extracted or 0, "attempted": job.extracted or 0}
    return counts.model_copy(update=settled | whole).model_dump()


def _counts(status: MailingStatus | None) -> dict[str, int] | None:
    return status.counts.model_dump() if status and status.request_id else None


def _notify(job: Job) -> None:
    subject, body = sentences.notice(job)
    Notice.objects.create(
        job=job, to=job.instructions.notification_address, subject=subject, body=body, due_at=job.state_since
    )


def _schedule(job: Job) -> None:
    """Fence off the steps of the state left behind and make the new state's step due."""
    fence(job)
    kind = _step_of(job)
    if kind is not None:
        _due(job, kind)


def fence(job: Job) -> None:
    """Take the stage's steps away from whoever holds them; nothing of theirs counts any more."""
    job.steps.exclude(kind=Step.Kind.CONTROLLING).update(due_at=None, leased_until=None, epoch=F("epoch") + 1)


def _step_of(job: Job) -> Step.Kind | None:
    match State(job.state):
        case State.INITIALIZING:
            return Step.Kind.INITIALIZING
        case State.PROCESSING:
            return Step.Kind.PROCESSING
        case State.COLLECTING:
            return Step.Kind.COLLECTING
        case State.PAUSED if not job.before_freeze:
            return Step.Kind.COLLECTING  # results of people already contacted keep coming in
        case State.FAILED:
            return (
                Step.Kind.COLLECTING
            )  # the same for a cancelled Job; and what was extracted for nobody is deleted
        case _:
            return None


def _due(job: Job, kind: Step.Kind) -> None:
    Step.objects.get_or_create(job=job, kind=kind)
    leases.wake(job.steps.filter(kind=kind))
    job.steps.filter(kind=kind).update(attempts=0)
