"""The line of stages: how far a Job has come, what each stage has done, and how fast the current one goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from jobs.models import Job, Transition
from jobs.states import State
from jobs.templatetags.quantities import heavy, lasting

LINE = (State.INITIALIZING, State.PROCESSING, State.COLLECTING, State.COMPLETED)

# Seconds of a stage before its speed means anything.
STEADY = 2.0

# An Audience grows after it was counted: until it is over, an extraction is never all done.
ALMOST = 0.99


@dataclass(frozen=True)
class Stage:
    """One stage: its mark (done, current, paused, failed, ahead), how long it took, its facts as short texts.

    `fraction` is how much of it is done, where that is known, and `measure` what it is a fraction of.
    """

    state: State
    mark: str
    took: timedelta | None = None
    facts: list[str] = field(default_factory=list)
    fraction: float | None = None

    @property
    def measure(self) -> str:
        return "Extracted" if self.state is State.INITIALIZING else "Attempted"


def line(job: Job, once: Sequence[Transition], latest: Transition | None) -> list[Stage]:
    """The four stages of a Job, by its ledger: by what moved it on (`states.ONCE`), and by its latest line."""
    entered = entries(once)
    reached = [state for state in LINE if state in entered]
    last = reached[-1] if reached else State.INITIALIZING
    stages = []
    for position, state in enumerate(LINE):
        done = position < LINE.index(last) or (state is last and job.state == State.COMPLETED)
        mark = "done" if done else _mark(job) if state is last else "ahead"
        following = LINE[position + 1] if position + 1 < len(LINE) else None
        stages.append(
            Stage(
                state=state,
                mark=mark,
                took=_between(entered, state, following),
                facts=FACTS[state](job, latest, mark) if mark != "ahead" else [],
                fraction=_fraction(job, state, mark),
            )
        )
    return stages


def entries(once: Sequence[Transition]) -> dict[State, datetime]:
    """When the Job came to each stage for the first time."""
    entered: dict[State, datetime] = {}
    for transition in once:
        entered.setdefault(State(transition.target), transition.at)
    return entered


def rate(job: Job, latest: Transition | None) -> float | None:
    """Records a second since the Job began, or went on with, what it does; None where that is not known yet."""
    if job.state == State.INITIALIZING:
        if job.awaits_confirmation:
            return None
        return _speed(job.extracting, job.extraction_started_at, timezone.now())
    if job.state == State.PROCESSING:
        before = (latest.counts or {}).get("attempted", 0) if latest else 0
        return _speed(job.counts.attempted - before, job.state_since, job.counted_at)
    return None


def _speed(records: int, since: datetime | None, until: datetime | None) -> float | None:
    seconds = (until - since).total_seconds() if since and until else 0.0
    return records / seconds if seconds >= STEADY and records > 0 else None


def _mark(job: Job) -> str:
    return {State.PAUSED: "paused", State.FAILED: "failed"}.get(State(job.state), "current")


def _between(entered: dict[State, datetime], state: State, following: State | None) -> timedelta | None:
    if following is None or state not in entered or following not in entered:
        return None
    return entered[following] - entered[state]


def _fraction(job: Job, state: State, mark: str) -> float | None:
    if state is State.INITIALIZING and mark == "current":
        return extracted_share(job)
    if state is State.PROCESSING and mark in ("current", "paused"):
        return job.counts.attempted / job.extracted if job.extracted else 0.0
    return None


def extracted_share(job: Job) -> float | None:
    """How much of the Audience has been read while it is, by its size when it was counted; None where it never was."""
    size = job.instructions.audience.size
    if job.state != State.INITIALIZING or job.awaits_confirmation or not size:
        return None
    return min((job.extracting + job.dropped) / size, ALMOST)


def _initializing(job: Job, latest: Transition | None, mark: str) -> list[str]:
    if job.awaits_confirmation:
        facts = [f"{job.size_found:,} extracted", "Waits for somebody to confirm the size"]
    elif job.frozen_at is not None:
        facts = [f"{job.extracted or 0:,} extracted"]
    else:
        facts = _extracting(job, rate(job, latest)) if mark == "current" else []
    facts += [f"{job.dropped:,} dropped: {reasons(job)}"] if job.dropped else []
    return facts + (["Sample rendered"] if job.sample_rendered_at else [])


def _extracting(job: Job, speed: float | None) -> list[str]:
    facts = [f"{job.extracting:,} extracted so far"]
    if job.extraction_started_at and not job.extracting and not job.dropped and not job.waiting_for:
        # Rows come in pieces of megabytes: of a slow query nothing is to be seen for a while.
        facts.append("The warehouse works on the SQL")
    if job.extracting_bytes:
        facts.append(f"{heavy(job.extracting_bytes)} in the spool")
    if speed:
        facts.append(f"{speed:,.0f} a second{_left(job, speed)}")
    return facts


def _left(job: Job, speed: float) -> str:
    """In how long all rows are read, where their number is known and not passed yet; dropped ones take as long."""
    left = (job.instructions.audience.size or 0) - job.extracting - job.dropped
    rows = speed * (job.extracting + job.dropped) / job.extracting
    return f", about {lasting(timedelta(seconds=left / rows))} left" if left > 0 else ""


def reasons(job: Job) -> str:
    """Why rows of the Audience became no record."""
    counted = (
        (job.dropped_missing, "without id or address"),
        (job.dropped_invalid, "invalid"),
        (job.dropped_duplicate, "duplicate"),
    )
    return ", ".join(f"{number:,} {reason}" for number, reason in counted if number)


def _processing(job: Job, latest: Transition | None, mark: str) -> list[str]:
    counts, extracted = job.counts, job.extracted or 0
    if job.request_id is None:
        return ["Being submitted to the Cloud"] if mark == "current" else ["The Cloud has not accepted it"]
    of = "" if counts.transferred >= extracted else f" of {extracted:,}"
    facts = [f"{counts.transferred:,}{of} transferred", f"{counts.attempted:,} attempted"]
    speed = rate(job, latest)
    if mark == "current" and speed:
        left = timedelta(seconds=(extracted - counts.attempted) / speed)
        facts.append(f"{speed:,.0f} a second, about {lasting(left)} left")
    return facts


def _collecting(job: Job, latest: Transition | None, mark: str) -> list[str]:
    facts = [f"{job.counts.deferred:,} being retried"] if job.counts.deferred else []
    if job.collecting_until and not job.rests:
        until = timezone.localtime(job.collecting_until)
        facts.append(f"Results come in until {until:%-d %b %Y, %H:%M}")
    return facts


def _completed(job: Job, latest: Transition | None, mark: str) -> list[str]:
    return ["No more results"]


FACTS = {
    State.INITIALIZING: _initializing,
    State.PROCESSING: _processing,
    State.COLLECTING: _collecting,
    State.COMPLETED: _completed,
}
