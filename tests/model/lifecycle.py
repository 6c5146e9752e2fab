"""jobs/lifecycle.py, granting.py, and what of leases.py they use: the only place of the model where a Job moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobs import states
from jobs.states import Cause, Failure, State, Wish
from tests.model import parts
from tests.model.parts import Ask, Effect, Job, Mailing, Rules, Seen, Status, Worker


@dataclass
class Draft:
    """A transaction while it is written: the Job's row as it will be, and the rows whose epoch rises."""

    job: Job
    fences: set[str] = field(default_factory=set)
    cause: Cause | None = None

    def set(self, **fields: Any) -> None:
        self.job = self.job._replace(**fields)

    def effect(self, did: str, mailing: Mailing, then: Worker | None = None, **about: Any) -> Effect:
        """What it does when it is committed."""
        return Effect(did, self.job, mailing, then, fences=frozenset(self.fences), cause=self.cause, **about)


def before_freeze(job: Job | Seen) -> bool:
    return states.before_freeze(job.state, job.paused_from)


def holding(
    worker: Worker,
    job: Job,
    mailing: Mailing,
    rules: Rules,
    did: str,
    write: Callable[[Draft], Worker | None],
) -> Effect:
    """lifecycle.holding(step): a transaction of a stage, which ends (LeaseLost) for whoever is past the lease.

    `write` says what the worker does next. Whoever fences their own step finds out in their next transaction,
    and does nothing before it.
    """
    if not worker.valid and rules.mutant != "completion-without-epoch":
        return Effect(f"{did}: the lease is lost", job, mailing, None)
    draft = Draft(job)
    then = write(draft)
    if worker.row in draft.fences:
        then = None
    return draft.effect(did, mailing, then, void=not worker.valid)


def move(draft: Draft, read: Job | Seen, target: State, cause: Cause, **fields: Any) -> bool:
    """lifecycle.move(): compare-and-set on state and version, with a line in the ledger."""
    states.check(read.state, target, cause, paused_from=read.paused_from)
    if draft.job.state is not read.state or not (isinstance(read, Job) or read.current):
        return False
    write(draft, target, cause, **fields)
    return True


def write(draft: Draft, target: State, cause: Cause, **fields: Any) -> None:
    """The move itself."""
    paused_from = draft.job.state if target is State.PAUSED else None
    draft.set(state=target, paused_from=paused_from, **fields)
    draft.cause = cause
    draft.fences.add(parts.VERSION)
    _schedule(draft)


def fail(draft: Draft, seen: Seen, failure: Failure) -> None:
    """lifecycle.fail()"""
    if move(draft, seen, State.FAILED, Cause.ERROR, failure=failure.value):
        _notify(draft)


def stop(draft: Draft, seen: Seen, failure: Failure) -> None:
    """granting.stop()"""
    if draft.job.state is State.PROCESSING and seen.current:
        _fence(draft)
        store(draft, Wish.CANCEL, failure=failure.value)


def store(draft: Draft, wish: Wish, *, failure: str = "", keep: bool = False) -> Ask:
    """granting.store(). `keep`, that the pending Ask stays, is for a mutant."""
    ask = Ask(draft.job.last_ask + 1, wish, failure)
    after_freeze = not before_freeze(draft.job)
    draft.set(
        pending=(*(draft.job.pending if keep else ()), ask),
        last_ask=ask.number,
        asked=ask.number if after_freeze else draft.job.asked,
    )
    if after_freeze:
        _due(draft, parts.CONTROLLING)
    return ask


def grant(draft: Draft, ask: Ask, status: Status | None, rules: Rules) -> None:
    """granting.grant()"""
    draft.set(pending=tuple(other for other in draft.job.pending if other != ask))
    {Wish.PAUSE: _pause, Wish.RESUME: _resume, Wish.CANCEL: _cancel}[ask.wish](draft, ask, status, rules)


def _pause(draft: Draft, _ask: Ask, status: Status | None, _rules: Rules) -> None:
    if draft.job.state is not State.PAUSED and draft.job.state not in states.TERMINAL:
        move(draft, draft.job, State.PAUSED, Cause.PAUSE, **_news(draft, status))


def _resume(draft: Draft, _ask: Ask, status: Status | None, _rules: Rules) -> None:
    job = draft.job
    if job.state is State.PAUSED:
        target = job.paused_from or State.INITIALIZING
        move(draft, job, target, Cause.RESUME, **_news(draft, status))


def _cancel(draft: Draft, ask: Ask, status: Status | None, rules: Rules) -> None:
    job = draft.job
    if job.state in states.TERMINAL or (ask.failure and job.state is State.COLLECTING):
        return
    never_accepted = not job.request_id and (status is None or not status.request_id)
    fields = _news(draft, status)
    if ask.failure:
        fields["failure"] = ask.failure
    else:
        failure = Failure.EXTRACTION_CANCELLED if never_accepted else Failure.CANCELLED
        fields["failure"] = failure.value
    if not never_accepted:
        fields["window"] = job.window or "open"
    cause = Cause.ERROR if ask.failure and job.state is State.PROCESSING else Cause.CANCEL
    moved = move(draft, job, State.FAILED, cause, **fields)
    if moved and (
        fields["failure"] == Failure.EXTRACTION_CANCELLED.value or rules.mutant == "mail-at-every-cancel"
    ):
        _notify(draft)


def _news(draft: Draft, status: Status | None) -> dict[str, Any]:
    """The Request ID, as the Cloud's answer says it."""
    return {} if status is None else {"request_id": status.request_id or draft.job.request_id}


def _notify(draft: Draft) -> None:
    draft.set(notices=draft.job.notices + 1, notice="pending", due=draft.job.due | {parts.NOTICE})


def _schedule(draft: Draft) -> None:
    _fence(draft)
    match draft.job.state:
        case State.INITIALIZING | State.PROCESSING | State.COLLECTING as stage:
            _due(draft, stage.value)
        case State.PAUSED | State.FAILED:
            _due(draft, parts.COLLECTING)


def _fence(draft: Draft) -> None:
    draft.set(due=draft.job.due - parts.STAGES, leased=draft.job.leased - parts.STAGES)
    draft.fences |= parts.STAGES


def _due(draft: Draft, row: str) -> None:
    """leases.wake(): due now, whoever holds it."""
    draft.set(due=draft.job.due | {row}, leased=draft.job.leased - {row})
    draft.fences.add(row)
