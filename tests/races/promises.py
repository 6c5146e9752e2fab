"""The invariants, asserted of what can be seen from outside. The numbers are those of the project's list of them."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from accelerator.protocol import MailingState
from jobs.models import Ask
from jobs.states import TERMINAL, TRANSITIONS, Cause, Failure, State
from tests.races.pictures import Line, Picture

# Classes of the Cloud's counts that an intent stands behind.
SETTLED = ("delivered", "bounced", "suppressed", "render_errors", "unknown")

# What the tallies of events must come to once all were pulled: class of the counts, measures.
MEASURES = {
    "delivered": ("deliveries",),
    "bounced": ("hard_bounces", "soft_bounces"),
    "suppressed": ("suppressed",),
    "render_errors": ("render_errors",),
    "unknown": ("unknown",),
}


def contacts(now: Picture) -> None:
    """1, 2: at most one acceptance for an address, and only for those of the frozen extraction."""
    twice = [key for key, count in now.received.items() if count > 1]
    assert not twice, f"{len(twice)} people received it twice"
    if now.received:
        assert now.extraction is not None, "received without an extraction"
        assert now.received.keys() <= now.extraction, "received outside the frozen extraction"


def accounting(now: Picture) -> None:
    """What the mail server accepted is what the Cloud has names for, and the other way round."""
    possible = frozenset().union(
        *(now.intents.get(s, frozenset()) for s in ("delivered", "unknown", "in_flight"))
    )
    assert now.intents.get("delivered", frozenset()) <= now.received.keys(), "delivered, and never received"
    assert now.received.keys() <= possible, "received, and the Cloud knows nothing of it"


def before_the_freeze(now: Picture) -> None:
    """4: not frozen, no byte at the Cloud or the mail server."""
    if now.job.frozen_at is None:
        assert now.status is None, "the Cloud has heard of a Job that is not frozen"
        assert not now.received
        assert not now.batches
    else:
        assert sum(records for _, records, _ in now.batches) == now.job.extracted


def endings(now: Picture) -> None:
    """4: an Extraction Cancel contacts nobody and says so in one mail; a Job Cancel says nothing."""
    job = now.job
    assert job.failure in ("", Failure.EXTRACTION_CANCELLED, Failure.CANCELLED), job.failure_sentence
    assert now.mails <= 1
    if job.failure == Failure.EXTRACTION_CANCELLED:
        assert now.notice is not None
        assert job.request_id is None
        assert now.status is None or now.status.request_id is None
        assert not now.received
    else:
        assert now.notice is None
        assert now.mails == 0
    if job.request_id is not None:
        assert now.status is not None
        assert job.request_id == now.status.request_id


def life(now: Picture) -> None:
    """9: the ledger is a path along the drawn edges, numbered without gaps, and the Job stands at its end."""
    assert [line.number for line in now.ledger] == list(range(now.job.version + 1))
    assert (now.ledger[0].origin, now.ledger[0].cause) == ("", Cause.LAUNCH)
    assert now.ledger[-1].target == now.job.state
    path(now.ledger)
    granted = Counter(line.ask for line in now.ledger if line.ask is not None)
    outcomes = {ask.pk: ask.outcome for ask in now.asks}
    assert all(count == 1 and outcomes[pk] == Ask.Outcome.GRANTED for pk, count in granted.items())


def path(ledger: Iterable[Line]) -> None:
    """Each line begins where the one before ended; a resume leads back; nothing follows a terminal state."""
    paused_from = ""
    for before, line in pairwise(ledger):
        assert line.origin == before.target
        assert State(line.origin) not in TERMINAL
        edge = State(line.origin), State(line.target), Cause(line.cause)
        assert edge in TRANSITIONS, edge
        if line.target == State.PAUSED:
            paused_from = line.origin
        if line.cause == Cause.RESUME:
            assert line.target == paused_from
        if line.origin == State.PAUSED and line.cause == Cause.WINDOW_OVER:
            assert paused_from == State.COLLECTING


def asks(now: Picture) -> None:
    """At most one waits, numbers are used once, and nobody's Ask waits before the freeze or at the end."""
    pending = [ask for ask in now.asks if ask.outcome == Ask.Outcome.PENDING]
    assert len(pending) <= 1
    assert len({ask.number for ask in now.asks}) == len(now.asks)
    assert all(ask.number <= now.job.last_ask for ask in now.asks)
    assert not any(ask.by_nobody for ask in now.asks), "the product gave up by itself"
    if now.job.before_freeze:
        assert not pending


def pausing(now: Picture) -> None:
    """5: a Job that shows Paused is one for which the Cloud has promised to begin nothing."""
    waiting = any(ask.outcome == Ask.Outcome.PENDING for ask in now.asks)
    if now.job.state == State.PAUSED and not now.job.before_freeze and not waiting:
        assert now.status is not None, "Paused, and the Cloud does not know"
        assert not now.sends, "Paused, and the Cloud sends"
    if now.job.state == State.FAILED and now.status is not None:
        assert now.status.desired == "cancel"


def counting(now: Picture) -> None:
    """3: every extracted recipient is in exactly one class, at the Cloud and on the page."""
    assert all(count >= 0 for count in now.segments.values()), now.segments
    assert sum(now.segments.values()) == (now.job.extracted or 0)
    if now.status is None:
        return
    counts = now.status.counts.model_dump()
    classes = {name: n for name, n in counts.items() if name not in ("transferred", "attempted")}
    assert sum(classes.values()) == counts["transferred"] <= (now.job.extracted or 0)
    for state in ("in_flight", *SETTLED):
        rows = len(now.intents.get(state, ())) + (now.duplicates if state == "suppressed" else 0)
        assert counts[state] == rows, f"{state}: {counts[state]} counted, {rows} in the ledger"


def telling(now: Picture) -> None:
    """8: every event counts once; once all are here they tell what the counts tell."""
    here = sum(now.kinds.values())
    assert here == now.job.events_cursor <= now.log
    for kind, measures in MEASURES.items():
        assert sum(now.tallies.get(name, 0) for name in measures) == now.kinds[kind]
    if now.status is not None and here == now.log:
        counts = now.status.counts.model_dump()
        assert {kind: now.kinds[kind] for kind in MEASURES} == {kind: counts[kind] for kind in MEASURES}


def completed(now: Picture) -> None:
    """3: nothing is open behind Completed, and the numbers it shows are the last there are."""
    if now.job.state == State.COMPLETED:
        assert now.status is not None
        assert now.status.counts.at_rest
        assert now.status.state in (MailingState.CANCELLED, MailingState.FINISHED, MailingState.PAUSED)
        assert now.job.counts == now.status.counts
        assert sum(now.kinds.values()) == now.log


def deleting(now: Picture) -> None:
    """A deleted Job is seen by nobody, and was at rest."""
    assert now.visible == (now.job.deleted_at is None)
    if now.job.deleted_at is not None:
        assert now.job.state in TERMINAL


ALWAYS = (
    contacts,
    accounting,
    before_the_freeze,
    endings,
    life,
    asks,
    pausing,
    counting,
    telling,
    completed,
    deleting,
)


def always(now: Picture) -> None:
    """Whatever happens, after every step."""
    for promise in ALWAYS:
        promise(now)


def since(before: Picture, now: Picture) -> None:
    """9: between two moments terminal states stay, what was written stays, and no number falls."""
    assert now.ledger[: len(before.ledger)] == before.ledger, "a line of the ledger was changed"
    if before.job.state in TERMINAL:
        assert (now.job.state, now.job.failure) == (before.job.state, before.job.failure)
    assert now.job.last_ask >= before.job.last_ask
    assert now.seq >= before.seq
    assert now.job.events_cursor >= before.job.events_cursor
    assert now.log >= before.log
    settled = {ask.pk: ask for ask in now.asks}
    for ask in before.asks:
        if ask.outcome != Ask.Outcome.PENDING:
            assert settled[ask.pk] == ask, "a settled Ask was settled again"
    if before.job.frozen_at is not None:
        assert now.batches == before.batches
        assert now.extraction in (before.extraction, None)
    if before.job.request_id is not None:
        assert now.job.request_id == before.job.request_id
    if before.job.deleted_at is not None:
        assert now.job.deleted_at == before.job.deleted_at
    if before.notice is not None:
        assert now.notice is not None
    if before.status is not None and before.status.desired == "cancel":
        assert now.status is not None
        assert now.status.desired == "cancel"


def held(first: Picture, now: Picture) -> None:
    """5: since the Cloud was told to stand still there is no new intent, and no acceptance but for those in flight."""
    assert now.claimed <= first.claimed, "a new intent after the acknowledged pause"
    fresh = now.received.keys() - first.received.keys()
    assert fresh <= first.intents.get("in_flight", frozenset()), "received after the acknowledged pause"


def left(before: Picture, now: Picture, gone: Iterable[str]) -> None:
    """12: whoever is on the suppression list is contacted only if their intent was committed before."""
    fresh = {key for key in gone if now.received[key] > before.received[key]}
    assert fresh <= before.intents.get("in_flight", frozenset()), "received by somebody who had left"


def at_rest(now: Picture) -> None:
    """11, 3: at the end every recipient is in exactly one of the classes of the end."""
    assert now.job.state in TERMINAL
    if now.job.failure == Failure.EXTRACTION_CANCELLED:
        return
    ends = (*SETTLED, "not_sent")
    assert sum(now.segments[name] for name in ends) == now.job.extracted, now.segments
    assert now.status is not None
    assert now.job.counts == now.status.counts
    assert sum(now.kinds.values()) == now.log
