"""The invariants about intents: committed before a contact (1), none after a pause (5), none of who left (12)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.faults.evidence import Acceptance, Barred, Contact, Job, Move
from tests.faults.judging import View, Violation, key

# How long a message is on its way at most, from the intent to the receiver's word; and while something is wrong.
FLIGHT, DELAYED = timedelta(seconds=5), timedelta(seconds=30)
FOREVER = timedelta(days=10_000)


def nobody_before_the_intent(view: View) -> Iterator[Violation]:
    """1: an intent is committed before the contact: no acceptance is older than its own."""
    for job in view.evidence.jobs:
        contacts = _by_key(view, job)
        early = [
            line
            for line in view.accepted[job.id]
            if (contact := contacts.get(key(line.recipient))) is not None
            and contact.attempts
            and line.at < contact.committed_at
        ]
        if early:
            yield Violation(1, job.id, f"{len(early)} were accepted before their intents were committed")


def nobody_after_a_pause(view: View) -> Iterator[Violation]:
    """5: after the Cloud acknowledged a pause no new intent, and contacts only of those that were in flight."""
    for job in view.evidence.jobs:
        for move in _pauses(job):
            yield from _during(view, job, move)


def _during(view: View, job: Job, move: Move) -> Iterator[Violation]:
    contacts, until = _by_key(view, job), _resumed(job, move)
    first, last = _acknowledged(job, move)
    known = [contact for contact in view.contacts(job) if contact.committed_at < move.at]
    if move.counts is None and known:
        yield Violation(5, job.id, f"paused without the Cloud's counts, {len(known)} intents after the first")
    new = [contact for contact in view.contacts(job) if first < contact.committed_at < until]
    if new:
        yield Violation(5, job.id, f"{len(new)} intents were committed while it was paused")
    lines = [*view.accepted[job.id], *view.refused[job.id]]
    late = {key(line.recipient) for line in lines if last < line.at < until}
    in_flight = (move.counts or {}).get("in_flight", 0)
    if len(late) > in_flight:
        yield Violation(5, job.id, f"paused with {in_flight} in flight, {len(late)} were contacted after it")
    others = [address for address in late if not _was_in_flight(contacts.get(address), last)]
    if others:
        yield Violation(5, job.id, f"{len(others)} were contacted after a pause who were not in flight")


def _pauses(job: Job) -> list[Move]:
    """Those after the freeze."""
    return [move for move in job.moves if move.target == "paused" and move.origin != "initializing"]


def _acknowledged(job: Job, pause: Move) -> tuple[datetime, datetime]:
    """When the Cloud acknowledged the pause first, and last: an answer that is lost is asked for again.

    By its own log; if that says nothing, when the dashboard knew.
    """
    asked = next((wish.at for wish in job.wishes if wish.number == pause.ask), pause.at)
    heard = [
        word.at
        for word in job.words
        if (word.number, word.desired) == (pause.ask, "pause") and asked <= word.at <= pause.at
    ]
    return (min(heard), max(heard)) if heard else (pause.at, pause.at)


def _resumed(job: Job, pause: Move) -> datetime:
    """When somebody asked for what ended it. A resume that was withdrawn ended nothing, unless the Cloud heard it."""
    heard = {word.number for word in job.words if word.desired == "run"}
    return min(
        (
            wish.at
            for wish in job.wishes
            if wish.wish == "resume"
            and wish.at > pause.at
            and (wish.outcome == "granted" or wish.number in heard)
        ),
        default=pause.at + FOREVER,
    )


def _was_in_flight(contact: Contact | None, at: datetime) -> bool:
    """Whether it can have been. Of who is Unknown nobody can know since when."""
    if contact is None or contact.committed_at > at:
        return False
    return contact.state == "unknown" or contact.settled_at is None or contact.settled_at >= at


def nobody_who_left(view: View) -> Iterator[Violation]:
    """12: suppressed before the intent, or before a retry's: not contacted."""
    barred = {entry.key: entry for entry in view.evidence.barred}
    for job in view.evidence.jobs:
        contacts = _by_key(view, job)
        wronged = [
            line
            for line in view.accepted[job.id]
            if (entry := barred.get(key(line.recipient))) is not None
            and (contact := contacts.get(entry.key)) is not None
            and _too_late(view, job, contact, line, entry)
        ]
        if wronged:
            yield Violation(
                12, job.id, f"{len(wronged)} were contacted who stood on the suppression list before"
            )


def _too_late(view: View, job: Job, contact: Contact, line: Acceptance, entry: Barred) -> bool:
    """The ledger keeps the time of the first intent only; what was sent as a retry is told by how late it came."""
    if entry.at < contact.committed_at:
        return True
    if contact.attempts < 2:
        return False
    return line.at > entry.at + _flight(view, entry.at, line.at) or any(
        _acknowledged(job, pause)[1] < entry.at < _resumed(job, pause) <= line.at for pause in _pauses(job)
    )


def _flight(view: View, since: datetime, until: datetime) -> timedelta:
    troubled = any(since - DELAYED < death.at < until for death in view.evidence.deaths)
    return DELAYED if troubled else FLIGHT


def _by_key(view: View, job: Job) -> dict[str | None, Contact]:
    return {contact.key: contact for contact in view.contacts(job)}


RULES = (nobody_before_the_intent, nobody_after_a_pause, nobody_who_left)
