"""The invariants about who was contacted: 1 to 4, 6 and 7."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from tests.faults.evidence import Contact, Death, Job
from tests.faults.judging import FINAL, View, Violation, key, some

# What the receiver refuses for now: whoever met that may be not sent when the window ends.
FOR_NOW = ("unavailable", "greylisted")
CUT_BEFORE, CUT_AFTER = "dropbeforedot", "dropafterdot"
# A death is a Job's if it came while the Job lived, by clocks that may differ a little.
AROUND = timedelta(seconds=5)


def at_most_once(view: View) -> Iterator[Violation]:
    """1: per Job and normalised address at most one acceptance."""
    for job in view.evidence.jobs:
        times = Counter(key(line.recipient) for line in view.accepted[job.id])
        twice = {address: count for address, count in times.items() if count > 1}
        if twice:
            yield Violation(
                1,
                job.id,
                f"{len(twice)} recipients got the message more than once, up to {max(twice.values())} times",
            )


def only_who_was_extracted(view: View) -> Iterator[Violation]:
    """2: received is a subset of the frozen extraction, which is what it was at the freeze, on both sides."""
    for job in view.evidence.jobs:
        extracted = [key(record.address) for record in job.extraction]
        strangers = {key(line.recipient) for line in view.accepted[job.id]} - set(extracted)
        if strangers:
            yield Violation(2, job.id, f"{len(strangers)} recipients were never extracted")
        if len(extracted) != len(set(extracted)):
            yield Violation(
                2, job.id, f"{len(extracted) - len(set(extracted))} addresses were extracted twice"
            )
        if job.mailing is None or job.mailing.request_id is None:
            continue
        if len(extracted) != job.extracted:
            yield Violation(2, job.id, f"{job.extracted} were extracted, the spool holds {len(extracted)}")
        changed = [piece.number for piece in job.pieces if piece.found != piece.sha256]
        if changed:
            yield Violation(2, job.id, f"batches {some(changed)} of the spool changed after the freeze")
        frozen = {piece.number: piece for piece in job.pieces}
        for piece in job.mailing.pieces:
            mine = frozen.get(piece.number)
            stored = piece.found == piece.sha256 if piece.transferred else piece.found is None
            if mine is None or (piece.sha256, piece.records) != (mine.sha256, mine.records) or not stored:
                yield Violation(
                    2, job.id, f"batch {piece.number} at the Cloud is not the one that was frozen"
                )


def everybody_in_one_class(view: View) -> Iterator[Violation]:
    """3: at rest the equation holds: in the ledger, in the batches' tallies, on the page, and at the receiver."""
    for job in view.evidence.jobs:
        yield from _ledger(view, job)
        yield from _tallies(job)
        yield from _page(view, job)
        yield from _receiver(view, job)


def _ledger(view: View, job: Job) -> Iterator[Violation]:
    contacts = view.contacts(job)
    places = Counter((contact.batch, contact.position) for contact in contacts)
    keys = Counter(contact.key for contact in contacts if contact.key)
    if max(places.values(), default=0) > 1 or max(keys.values(), default=0) > 1:
        yield Violation(3, job.id, f"{len(contacts)} rows of the ledger name only {len(places)} recipients")
    meant = {(record.batch, record.position): record for record in job.extraction}
    for contact in contacts:
        record = meant.get((contact.batch, contact.position))
        same = record is not None and record.recipient_id == contact.recipient_id
        if record is None or not same or key(record.address) != key(contact.address):
            yield Violation(
                3, job.id, f"the ledger has another recipient at {contact.batch}/{contact.position}"
            )
            break
    left = Counter(contact.state for contact in contacts if contact.state not in FINAL)
    cancelled = job.mailing is not None and job.mailing.desired == "cancel"
    if left["in_flight"] or (left["deferred"] and not cancelled):
        yield Violation(
            3, job.id, f"at rest {left['in_flight']} are in flight and {left['deferred']} deferred"
        )


def _tallies(job: Job) -> Iterator[Violation]:
    for piece in job.mailing.pieces if job.mailing else []:
        counted = (
            Counter(c.state for c in job.mailing.contacts if c.batch == piece.number) if job.mailing else {}
        )
        wrong = {name: n for name, n in piece.tallies.items() if n != counted[name]}
        if wrong:
            really = {name: counted[name] for name in wrong}
            yield Violation(3, job.id, f"batch {piece.number} says {wrong}, and its rows say {really}")


def _page(view: View, job: Job) -> Iterator[Violation]:
    """What the dashboard shows is what the rows say; nobody is missing in the sum."""
    if not job.frozen or (job.mailing is None and not job.counts):
        return
    rows = Counter(contact.state for contact in view.contacts(job))
    expected = {name: rows[name] for name in FINAL}
    # What came back after the end changes the page no more.
    told = {(event.batch, event.record) for event in job.events if event.kind == "bounced"}
    late = len(view.returned(job).keys() - told)
    expected["delivered"] += late
    expected["bounced"] -= late
    expected["not_sent"] = (job.extracted or 0) - sum(expected.values())
    shown = {
        name: job.counts.get(name, 0) for name in (*FINAL, "not_sent", "in_flight", "waiting", "deferred")
    }
    shown["not_sent"] += (job.extracted or 0) - job.counts.get("transferred", 0)
    wrong = {name: (n, expected.get(name, 0)) for name, n in shown.items() if n != expected.get(name, 0)}
    if wrong:
        yield Violation(
            3,
            job.id,
            "of "
            + f"{job.extracted} the page shows "
            + ", ".join(f"{name} {n} where the rows say {really}" for name, (n, really) in wrong.items()),
        )


def _receiver(view: View, job: Job) -> Iterator[Violation]:
    returned = view.returned(job)
    kept = Counter(contact.state for contact in returned.values() if contact.state != "bounced")
    if kept:
        yield Violation(3, job.id, f"given back, and in the ledger something else: {dict(kept)}")
    states = {
        contact.key: contact.state
        for contact in view.contacts(job)
        if contact.key and (contact.batch, contact.position) not in returned
    }
    accepted = {key(line.recipient) for line in view.accepted[job.id]}
    delivered = {address for address, state in states.items() if state == "delivered"}
    if delivered - accepted:
        yield Violation(3, job.id, f"{len(delivered - accepted)} count as delivered and were never accepted")
    back = {contact.key for contact in returned.values()}
    denied = Counter(states.get(address, "not sent") for address in accepted - back)
    denied = Counter({name: n for name, n in denied.items() if name not in ("delivered", "unknown")})
    if denied:
        yield Violation(3, job.id, f"accepted at the receiver, in the ledger something else: {dict(denied)}")


def nobody_before_the_freeze(view: View) -> Iterator[Violation]:
    """4: nothing of a Job that was not frozen leaves the house; who gets a notification mail, and how many."""
    for job in view.evidence.jobs:
        accepted = len(view.accepted[job.id])
        if not job.frozen and (job.mailing is not None or accepted or view.refused[job.id]):
            at_cloud = "something" if job.mailing else "nothing"
            yield Violation(
                4, job.id, f"not frozen, and the Cloud has {at_cloud} of it, the receiver {accepted}"
            )
        if job.failure == "extraction_cancelled" and (accepted or view.contacts(job) or job.request_id):
            yield Violation(4, job.id, f"an Extraction Cancel, and {accepted} were contacted")
        if job.leftovers:
            yield Violation(4, job.id, f"it never left the house, and {job.leftovers} files of it are kept")
        yield from _mails(view, job)
    for stranger in view.evidence.strangers:
        yield Violation(4, None, f"the Cloud has a mailing {stranger} that no Job of the dashboard is")
    if view.strays and view.evidence.whole:
        yield Violation(2, None, f"the receiver accepted {len(view.strays)} messages that belong to no Job")


def _mails(view: View, job: Job) -> Iterator[Violation]:
    shared = [other for other in view.evidence.jobs if other.notify == job.notify]
    got = len(view.notices[job.notify.lower()])
    allowed = sum(len(other.mails) for other in shared)
    owed = job.state == "failed" and (not job.frozen or job.failure == "extraction_cancelled")
    if len(job.mails) != int(owed):
        yield Violation(
            4, job.id, f"{len(job.mails)} notification mails were written where {int(owed)} is due"
        )
    if got > allowed:
        yield Violation(4, job.id, f"its notification address got {got} mails where {allowed} are allowed")
    for mail in job.mails:
        if mail.outcome == "sent" and not got:
            yield Violation(4, job.id, "its mail counts as sent, and the receiver has none")
        if mail.outcome in ("pending", "handing_over") or (mail.outcome == "unknown" and not mail.problem):
            yield Violation(4, job.id, f"its mail is {mail.outcome} at rest, with no word why")


def nobody_missed(view: View) -> Iterator[Violation]:
    """6: whatever was paused and resumed, a Job that completed has tried everybody; who is left was refused for now."""
    for job in view.evidence.jobs:
        if job.state != "completed":
            continue
        settled = {(c.batch, c.position) for c in view.contacts(job) if c.state in FINAL}
        refused = {key(line.recipient) for line in view.refused[job.id] if line.kind in FOR_NOW}
        missed = [
            record
            for record in job.extraction
            if (record.batch, record.position) not in settled
            and key(record.address) not in refused
            and not record.address.startswith(CUT_BEFORE)
        ]
        if missed:
            yield Violation(6, job.id, f"completed, and {len(missed)} who never were refused got nothing")


def unknown_has_a_cause(view: View) -> Iterator[Violation]:
    """7: Unknown is the cuts after the final dot, and at most what was open whenever a sender died."""
    everywhere: list[int] = []
    for job in view.evidence.jobs:
        unknown = {contact.key: contact for contact in view.contacts(job) if contact.state == "unknown"}
        accepted = {key(line.recipient) for line in view.accepted[job.id]}
        cuts = {address for address in accepted if address.startswith(CUT_AFTER)}
        open_once = windows([contact for address, contact in unknown.items() if address not in cuts])
        everywhere += open_once
        deaths = [
            death
            for death in view.evidence.deaths
            if job.began - AROUND < death.at < job.ended + AROUND and death.job in (None, job.id)
        ]
        if not _explained(open_once, deaths):
            seen = f"{sum(open_once)} are unknown, in windows of {open_once}, beside {len(cuts)} cuts"
            yield Violation(7, job.id, f"{seen}; {_allowed(deaths)}")
        if cuts - set(unknown):
            yield Violation(
                7, job.id, f"{len(cuts - set(unknown))} lines were cut after the dot and are not unknown"
            )
    if view.evidence.whole and not _explained(everywhere, view.evidence.deaths):
        seen = f"{sum(everywhere)} are unknown beside the cuts, in {len(everywhere)} windows"
        yield Violation(7, None, f"{seen}; {_allowed(view.evidence.deaths)}")


def windows(contacts: Iterable[Contact]) -> list[int]:
    """How many stood in the same transaction: intents of one window are of one instant, retries of one batch."""
    windows = Counter((c.batch, c.committed_at if c.attempts < 2 else None) for c in contacts)
    return sorted(windows.values(), reverse=True)


def _explained(windows: list[int], deaths: Iterable[Death]) -> bool:
    deaths = list(deaths)
    left = sorted(windows, reverse=True)[sum(death.windows for death in deaths) :]
    return sum(left) <= sum(death.messages for death in deaths)


def _allowed(deaths: Iterable[Death]) -> str:
    deaths = list(deaths)
    windows, messages = sum(death.windows for death in deaths), sum(death.messages for death in deaths)
    return f"{len(deaths)} deaths and faults leave {windows} windows and {messages} messages at most"


RULES = (
    at_most_once,
    only_who_was_extracted,
    everybody_in_one_class,
    nobody_before_the_freeze,
    nobody_missed,
    unknown_has_a_cause,
)
