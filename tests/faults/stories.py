"""The invariant about events (8): what the Cloud tells, what the dashboard has of it, and what it counts."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.faults.evidence import Job, Told
from tests.faults.judging import FINAL, View, Violation, some

# Measures that count people too.
PEOPLE = ("opens", "machine_opens", "clicks", "machine_clicks", "unsubscribes", "complaints", "attrition")


def told_once(view: View) -> Iterator[Violation]:
    """8: every event counts once: tallies equal counted events, events equal the Cloud's log, the log the ledger."""
    for job in view.evidence.jobs:
        log = job.mailing.log if job.mailing else []
        yield from _in_order(job, log)
        yield from _same(job, log)
        yield from _ledger(view, job)
        yield from _tallies(job)


def _in_order(job: Job, log: Sequence[Told]) -> Iterator[Violation]:
    """Positions rise by one: a number that one side lacks was told to the other, who says so in `_same`."""
    mine, theirs = ([event.position for event in told] for told in (job.events, log))
    for whose, positions in (("the Cloud's log", theirs), ("the dashboard", mine)):
        later = [after for before, after in pairwise(positions) if after <= before]
        if later:
            yield Violation(8, job.id, f"{whose} has {len(later)} events at or below the position before")
    for who, numbers in (("the dashboard's events", {*mine}), ("both sides together", {*mine, *theirs})):
        wrong = numbers ^ {*range(1, max(numbers, default=0) + 1)}
        if wrong:
            yield Violation(
                8, job.id, f"{who} lack {len(wrong)} of the positions from 1 to the last, or have others"
            )
    if job.cursor != len(job.events):
        yield Violation(8, job.id, f"the cursor is at {job.cursor}, and {len(job.events)} events are here")


def _same(job: Job, log: Sequence[Told]) -> Iterator[Violation]:
    """The dashboard has the beginning of the log: after its end nobody asks any more."""
    theirs = {event.position: event for event in log}
    different = sum(theirs.get(event.position, event) != event for event in job.events)
    if different:
        yield Violation(8, job.id, f"{different} events differ from the Cloud's")
    lost = [event.position for event in job.events if event.position not in theirs]
    if lost:
        pieces = 1 + sum(after > before + 1 for before, after in pairwise(lost))
        yield Violation(8, job.id, f"{len(lost)} events, in pieces: {pieces}, are not in the Cloud's log")


def _ledger(view: View, job: Job) -> Iterator[Violation]:
    """Each recipient who came to rest was told of once, with the class that the ledger has.

    Whose message was given back was told of as delivered before, and then as bounced, if that came before the end.
    """
    told: dict[tuple[int, int], list[str]] = defaultdict(list)
    for event in job.events:
        if event.kind in FINAL:
            told[event.batch, event.record].append(event.kind)
    settled = {(c.batch, c.position): c.state for c in view.contacts(job) if c.state in FINAL}
    for place in view.returned(job):
        if told[place] in (["delivered", "bounced"], ["delivered"]):
            told[place] = [settled[place]]
    wrong = [place for place in {*told, *settled} if told[place] != [settled.get(place)]]
    if wrong:
        yield Violation(
            8, job.id, f"{len(wrong)} of {len(settled)} outcomes were told wrongly, not at all, or twice"
        )


def _tallies(job: Job) -> Iterator[Violation]:
    totals: Counter[tuple[str, str]] = Counter()
    people: dict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
    for event in job.events:
        for measure in _measures(event):
            totals[measure] += 1
            people[measure].add((event.batch, event.record))
    wrong = []
    for measure in {*totals, *job.tallies}:
        total, recipients = job.tallies.get(measure, (0, 0))
        counted = len(people[measure]) if measure[0] in PEOPLE else recipients
        if total != totals[measure] or recipients != counted:
            wrong.append(
                f"{' '.join(measure).strip()} {total} ({recipients}) for {totals[measure]} ({counted})"
            )
    if wrong:
        yield Violation(8, job.id, f"its tallies are not its events: {some(wrong)}")


def _measures(event: Told) -> set[tuple[str, str]]:
    """What an event adds to, with and without the detail under which it is counted too."""
    machine = "machine_" if event.machine else ""
    match event.kind:
        case "delivered":
            return {("deliveries", "")}
        case "bounced":
            kind = "hard_bounces" if event.hard else "soft_bounces"
            return {(kind, ""), (kind, event.category)}
        case "suppressed":
            return {("suppressed", ""), ("suppressed", event.code)}
        case "render_errors" | "unknown":
            return {(event.kind, "")}
        case "open":
            return {(f"{machine}opens", "")}
        case "click":
            detail = "" if event.link is None else str(event.link)
            return {(f"{machine}clicks", ""), (f"{machine}clicks", detail)}
        case "unsubscribe" | "complaint":
            return {(f"{event.kind}s", ""), ("attrition", "")}
        case _:
            return set()


RULES = (told_once,)
