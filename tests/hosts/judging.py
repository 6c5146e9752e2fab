"""What must hold once one of two hosts was lost: the promises, from what the mail server and the ledger wrote down."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

CLASSES = ("delivered", "bounced", "suppressed", "render_errors", "unknown", "not_sent")


@dataclass
class Evidence:
    """What was seen from outside, when the mailing had come to its end.

    `accepted`: recipients, in the mail server's order, and `sources`, which address each came from; the first `before`
    of them came before the host was lost. `window`: the intents that it left in flight. `counts`: the mailing's, as the
    Cloud tells them. `delivered`, `unknown`: addresses, by its ledger. `blamed`: hosts that the Cloud says may still
    have a message in hand. `shared`: files that a host sees of another's.
    """

    recipients: int
    survivor: str
    lost: str
    lost_name: str
    accepted: Sequence[str]
    sources: Sequence[str]
    before: int
    window: int
    counts: Mapping[str, int]
    finished: bool
    delivered: Sequence[str]
    unknown: Sequence[str]
    blamed: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    sessions: int = 0


def violations(seen: Evidence) -> list[str]:
    """A sentence for each promise that was not kept."""
    return [*_once(seen), *_adds_up(seen), *_open(seen), *_shared_work(seen), *_apart(seen)]


def _once(seen: Evidence) -> Iterator[str]:
    for who, times in Counter(who.lower() for who in seen.accepted).items():
        if times > 1:
            yield f"{who} was accepted {times} times"
    accepted, delivered, unknown = set(seen.accepted), set(seen.delivered), set(seen.unknown)
    if delivered - accepted:
        yield f"{len(delivered - accepted)} are called delivered whom the mail server has never accepted"
    if accepted - delivered - unknown:
        yield f"{len(accepted - delivered - unknown)} were accepted and are neither delivered nor unknown"


def _adds_up(seen: Evidence) -> Iterator[str]:
    total = sum(seen.counts.get(name, 0) for name in CLASSES)
    if total != seen.recipients:
        yield f"the classes add up to {total}, not to the {seen.recipients} extracted: {dict(seen.counts)}"
    if not seen.finished:
        yield f"it did not finish by itself: {dict(seen.counts)}"
    if seen.counts.get("delivered", 0) != len(seen.delivered):
        yield f"{seen.counts.get('delivered', 0)} are counted as delivered, {len(seen.delivered)} stand in the ledger"


def _open(seen: Evidence) -> Iterator[str]:
    unknown = seen.counts.get("unknown", 0)
    if unknown > seen.window:
        yield f"{unknown} are unknown, and the lost host had only {seen.window} in flight"
    if unknown and seen.blamed != {seen.lost_name}:
        yield f"the Cloud names {sorted(seen.blamed)} as who may have the unknown ones in hand"


def _shared_work(seen: Evidence) -> Iterator[str]:
    before, after = Counter(seen.sources[: seen.before]), Counter(seen.sources[seen.before :])
    for host in (seen.survivor, seen.lost):
        if not before[host]:
            yield f"the host {host} had sent nothing when one was lost: this proves nothing"
    if set(before) | set(after) != {seen.survivor, seen.lost}:
        yield f"others sent, too: {dict(before + after)}"
    if not after[seen.survivor]:
        yield "nothing was left to do when the host was lost: this proves nothing"
    if not seen.window:
        yield "the lost host had nothing in flight: this proves nothing"


def _apart(seen: Evidence) -> Iterator[str]:
    if seen.shared:
        yield f"a host sees what lies elsewhere: {sorted(seen.shared)}"
    if seen.sessions:
        yield f"PostgreSQL still keeps {seen.sessions} sessions of the lost host"
