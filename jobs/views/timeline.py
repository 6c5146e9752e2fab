"""The ledger of a Job as people read it, a page at a time: transitions and Asks merged by time, the latest first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import QuerySet

from jobs import rating
from jobs.models import Ask, Job, RateChange, Release, Transition
from jobs.states import Cause, State, Wish
from jobs.views.loading import name_of

# What became of an Ask, where its own line must say so; a granted one is followed by its transition.
OUTCOMES = {
    Ask.Outcome.PENDING: "waiting for the Cloud",
    Ask.Outcome.WITHDRAWN: "withdrawn by a later one",
    Ask.Outcome.LAPSED: "lapsed: the Job had moved on",
}
COUNTED = ("attempted", "delivered", "in_flight")

# Lines of a page: what is read and written for one does not grow with how often a Job was paused.
PAGE = 50
# A number is given under the Job's lock, its time when the transaction began: of a few who wait for the lock at once
# the times may not follow the numbers.
CROWD = 10

Row = TypeVar("Row", Transition, Ask)


@dataclass(frozen=True)
class Entry:
    """One line: when, the name of its icon, what happened, who did it, why, and the exact counts at that moment."""

    at: datetime
    icon: str
    what: str
    who: str = ""
    why: str = ""
    counts: str = ""
    outcome: str = ""


@dataclass(frozen=True)
class Timeline:
    """A page: its lines, the latest first, and before which moment the next page begins; None: it is the last."""

    entries: Sequence[Entry]
    earlier: datetime | None


def latest(rows: QuerySet[Row], before: datetime | None = None) -> list[Row]:
    """Of a Job's transitions or Asks as many as a page may need, by number."""
    found = rows.filter(at__lt=before) if before else rows
    return list(found.select_related("by").order_by("-number")[: PAGE + CROWD])[::-1]


def page(job: Job, before: datetime | None) -> Timeline:
    """The lines before a moment that a page gave as `earlier`; None: the latest."""
    return timeline(
        job,
        latest(job.transitions.all(), before),
        latest(job.asks.all(), before),
        job.rate_changes.select_related("by"),
        job.releases.select_related("by"),
        before,
    )


def timeline(
    job: Job,
    transitions: Sequence[Transition],
    asks: Sequence[Ask],
    changes: Iterable[RateChange],
    releases: Iterable[Release],
    before: datetime | None = None,
) -> Timeline:
    """A page. An Ask stands before what it brought about, even within one transaction.

    `transitions` and `asks` are the `latest` before that moment; `changes` and `releases` all there are.
    """
    asked = {ask.pk: ask for ask in asks}
    lines = [(ask.at, 0, ask.number, _ask(ask)) for ask in asks]
    for transition in transitions:
        ask = asked.get(transition.ask_id or 0)
        at = max(transition.at, ask.at) if ask else transition.at
        lines.append((at, 1, transition.number, _transition(transition, ask)))
    lines += [(entry.at, order, number, entry) for order, number, entry in _rates(job, changes)]
    lines += [(act.at, 0, 0, _release(act)) for act in releases]
    lines += [(entry.at, 2, 0, entry) for entry in _noted(job)]
    lines = [line for line in lines if before is None or line[0] < before]
    lines.sort(key=lambda line: line[:3], reverse=True)
    end = PAGE
    while end < len(lines) and lines[end][0] == lines[end - 1][0]:
        end += 1  # what happened in one moment stands on one page
    return Timeline([entry for *_, entry in lines[:end]], lines[end - 1][0] if end < len(lines) else None)


def asking(ask: Ask) -> str:
    """Who asked for what, in honest tense."""
    if ask.by is None and ask.failure:
        return "The Job stops its mailing before it fails"
    if ask.by is None:
        return "Held for review: Pause asked by Accelerator itself"
    return f"{Wish(ask.wish).label} asked"


def _ask(ask: Ask) -> Entry:
    return Entry(
        at=ask.at,
        icon=ask.wish,
        what=f"{asking(ask)}, with everything else" if ask.general_id else asking(ask),
        who=name_of(ask.by) if ask.by else "",
        why=ask.why,
        outcome=OUTCOMES.get(Ask.Outcome(ask.outcome), ""),
    )


def _transition(transition: Transition, ask: Ask | None) -> Entry:
    cause, target = Cause(transition.cause), State(transition.target)
    leads_on = cause in (Cause.FREEZE, Cause.ALL_ATTEMPTED, Cause.WINDOW_OVER, Cause.RESUME)
    said_already = ask is not None and ask.why == transition.why
    return Entry(
        at=transition.at,
        icon=target,
        what=f"{cause.label}, now {target.label}" if leads_on else cause.label,
        who=name_of(transition.by) if transition.by else "",
        why="" if said_already else transition.why,
        counts=_counts(transition),
    )


def _rates(job: Job, changes: Iterable[RateChange]) -> Iterator[tuple[int, int, Entry]]:
    """Each change: asked, with the rate before it; and since when it is in force, as an Ask is followed by its move."""
    before = rating.launched(job)
    for change in changes:
        in_force = change.outcome == RateChange.Outcome.IN_FORCE
        if change.by is not None:
            asked = Entry(
                at=change.at,
                icon="advanced",
                what=f"Rate asked: {rating.of(change)}",
                who=name_of(change.by),
                why=change.why,
                counts=f"Before: {before}",
                outcome="" if in_force else change.get_outcome_display(),
            )
            yield 0, change.number, asked
        if in_force:
            before = rating.of(change)
            why = "" if change.by else change.why
            in_force_since = change.settled_at or change.at
            yield (
                1,
                change.number,
                Entry(at=in_force_since, icon="advanced", what=f"Rate in force: {before}", why=why),
            )


def _release(act: Release) -> Entry:
    what = act.get_kind_display()
    if act.recipients is not None:
        what = f"{act.recipients:,} unknown recipients tried again"
    outcome = "" if act.outcome == Release.Outcome.DONE else act.get_outcome_display()
    why = f"{act.sender_name}: {act.why}" if act.sender_name else act.why
    why = f"{why} ({act.refusal})" if act.refusal else why
    return Entry(at=act.at, icon="refresh", what=what, who=name_of(act.by), why=why, outcome=outcome)


def _noted(job: Job) -> Iterator[Entry]:
    """What is no change of state, and stands in the Job's own row."""
    if job.size_confirmed_at and job.size_confirmed is not None:
        yield Entry(
            at=job.size_confirmed_at,
            icon="check",
            what=f"Size confirmed: {job.size_confirmed:,} recipients",
            who=name_of(job.size_confirmed_by),
        )
    if job.forgotten_at:
        yield Entry(
            at=job.forgotten_at,
            icon="info",
            what="Records, and whatever else could name a person, deleted here for good; the Cloud deletes its own",
        )


def _counts(transition: Transition) -> str:
    counts = transition.counts or {}
    return ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in COUNTED if name in counts)
