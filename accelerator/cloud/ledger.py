"""Writes the ledger: who is about to be contacted, and what came of it. No other module writes Intent.

Every function is one transaction, in this order: the mailing's row shared, the batch proved to be ours by
renewing it, then the intents. The tallies of the batch change with them, the log of events tells of them, and who
is behind a hard bounce goes onto the suppression list.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from accelerator import failpoints, leases
from accelerator.cloud import domains, entries, locking, pacing, sealing, senders
from accelerator.cloud.entries import Attempt, Outcome
from accelerator.cloud.models import Abandoned, Batch, Intent, mark
from accelerator.cloud.statements import (
    FORGET,
    FREE,
    HELD_BY,
    KEEP,
    LOOK,
    NEXT_RETRY,
    ORPHANS,
    REFUSE,
    RETRIES,
    SHOW,
    TOLD,
    UNFREE,
    WITHDRAW_FIRST,
    WITHDRAW_RETRY,
)
from accelerator.cloud.tallying import IN_FLIGHT, Tally

UNKNOWN = Intent.State.UNKNOWN
DELIVERED = Intent.State.DELIVERED
BOUNCED = Intent.State.BOUNCED

# What a recipient's use of the message shows something about.
DOUBTFUL = (IN_FLIGHT, UNKNOWN, Intent.State.DEFERRED)

# Why nobody can know.
SENDER_ENDED = "the sender ended before it knew"
RELEASED = "nobody knew, and a person wants it tried again"
OLDER_COPY = "the database was restored from an older copy, which does not know whether it was sent"


class InFlight(Exception):
    """What came of an attempt is not known yet: whatever else is said of it has to be said again a little later."""


@dataclass
class Grant:
    """What may be sent now, what the rates leave for later, and in how many seconds the mailing's allows more."""

    standing: locking.Standing
    sendable: list[Attempt] = field(default_factory=list)
    later: list[Attempt] = field(default_factory=list)
    wait: float = 0.0
    rates: domains.Rates | None = None  # of receiving domains, as they are in force


@dataclass(frozen=True)
class Stock:
    """What a claimed batch holds: positions with a row, and temporary refusals due again (position, tries).

    `restored`: nobody of it may be sent to, by what the mailing was told. `rates` are those of receiving domains.
    """

    taken: frozenset[int]
    retries: list[tuple[int, int]]
    orphans: int
    restored: bool
    rates: domains.Rates


# --- transactions ---------------------------------------------------------------------------------------


def take_stock(batch: Batch) -> Stock:
    """Look at what a batch's earlier holders did. What they left in flight is unknown from now on."""
    with leases.holding(batch), connection.cursor() as cursor:
        tally = Tally(batch)
        cursor.execute(TOLD, [batch.mailing_id])
        restored, rates = cursor.fetchone()
        lost = [IN_FLIGHT, Intent.State.DEFERRED] if restored else [IN_FLIGHT]
        cursor.execute(ORPHANS, [OLDER_COPY if restored else SENDER_ENDED, batch.pk, lost])
        orphans = cursor.fetchall()
        cursor.execute(HELD_BY, {"batch": batch.pk, "holder": senders.me()})
        [holder] = cursor.fetchone()
        if orphans:
            Abandoned.objects.get_or_create(
                mailing_id=batch.mailing_id, batch=batch, process_id=holder or senders.nameless()
            )
        for before, attempts, position, recipient_id, reply in orphans:
            tally.move(before, UNKNOWN, first=attempts == 1)
            tally.tell(UNKNOWN, position, recipient_id, "", reply, None)
        entries.prove_shown(cursor, batch, [position for _, _, position, _, _ in orphans], tally)
        tally.write()
        cursor.execute("SELECT array_agg(position) FROM cloud_intent WHERE batch_id = %s", [batch.pk])
        taken = frozenset(cursor.fetchone()[0] or ())
        cursor.execute(RETRIES, [batch.pk])
        retries = cursor.fetchall()
        failpoints.reached("stock.before")
    failpoints.reached("stock.after")
    own = domains.Rates(batch.mailing_id, json.loads(rates))
    return Stock(taken, retries, len(orphans), restored, own)


def commit(batch: Batch, outcomes: Sequence[Outcome], attempts: Sequence[Attempt]) -> Grant:
    """Record what came of the last intents and commit the next; only `Grant.sendable` may be sent.

    Raises leases.LeaseLost, and then nothing is written.
    """
    try:
        return _commit(batch, outcomes, attempts, entries.copy)
    except IntegrityError:
        # An address has a row already, and nothing was written: once more, asking of each.
        return _commit(batch, outcomes, attempts, entries.insert)


def _commit(
    batch: Batch, outcomes: Sequence[Outcome], attempts: Sequence[Attempt], write: entries.Write
) -> Grant:
    with transaction.atomic(), connection.cursor() as cursor:
        standing = _ours(batch)
        tally = Tally(batch)
        entries.record(cursor, batch, outcomes, tally, standing)
        grant = Grant(standing)
        if standing.may_send:
            entries.suppress(cursor, attempts, standing.account)
            sending = [attempt for attempt in attempts if attempt.state == IN_FLIGHT]
            _ration(batch, grant, sending)
            late = {attempt.position for attempt in grant.later}
            attempts = [attempt for attempt in attempts if attempt.position not in late]
            fresh = [attempt for attempt in attempts if not attempt.tries]
            written = write(cursor, batch, fresh, tally, standing)
            written |= entries.reclaim(
                cursor, batch, [attempt for attempt in attempts if attempt.tries], tally
            )
            grant.sendable = [a for a in attempts if a.state == IN_FLIGHT and a.position in written]
        tally.write()
        mark.rise()
        failpoints.reached("intents.before")
    failpoints.reached("intents.after")
    return grant


def lose(batch: Batch, attempts: list[Attempt]) -> None:
    """Write down records without a row, of whom nobody can know whether they were sent to: they are unknown.

    Raises leases.LeaseLost, and then nothing is written.
    """
    for attempt in attempts:
        if attempt.state == IN_FLIGHT:
            attempt.settle(UNKNOWN, "", OLDER_COPY)
    with transaction.atomic(), connection.cursor() as cursor:
        standing = _ours(batch)
        tally = Tally(batch)
        entries.insert(cursor, batch, attempts, tally, standing)
        tally.write()
        failpoints.reached("lose.before")
    failpoints.reached("lose.after")


def settle(
    batch: Batch,
    outcomes: Sequence[Outcome],
    withdrawn: Sequence[Attempt],
    granted: locking.Standing | None = None,
) -> locking.Standing:
    """Record outcomes, and take back intents of which no byte was sent, `granted` by the rates of then. Any number of
    times with one effect.

    Raises leases.LeaseLost, and then nothing is written.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        standing = _ours(batch)
        tally = Tally(batch)
        entries.record(cursor, batch, outcomes, tally, standing)
        if withdrawn:
            _withdraw(cursor, batch, withdrawn, tally, standing, granted or standing)
        tally.write()
        failpoints.reached("settle.before")
    failpoints.reached("settle.after")
    return standing


def let_go(batch: Batch, *, pending: bool, waiting: Collection[str] = ()) -> None:
    """End the lease: due at once if something is pending and wanted, else when the next retry is, or when there is rate
    again for one of the receiving domains that somebody is `waiting` for.

    The mailing is shared, so that a resume either sees the batch let go or is seen here.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        standing = locking.share(batch.mailing_id)
        due_in: float | None = None
        if standing is not None and standing.is_due:
            cursor.execute(NEXT_RETRY, [batch.pk])
            due_in = cursor.fetchone()[0]
            rates = domains.Rates(batch.mailing_id, standing.domain_rates)
            if pending or not all(map(rates.limited, waiting)):
                due_in = 0.0
            elif waiting:
                turn = domains.turn(rates, waiting, _waiting_batches(batch))
                due_in = turn if due_in is None else min(due_in, turn)
        leases.finish(batch, due_in=due_in)
        failpoints.reached("release.before")
    failpoints.reached("release.after")


def prove(intents: Iterable[Intent], *, by_person: bool) -> None:
    """Recipients who showed that they have the message: of whom nobody knew, it is delivered now, though they were to
    be tried again. Of whom nobody knows yet it is noted, for the case that nobody ever will. What a machine does shows
    nothing where the mail server said no: it may have looked into the message before.

    In the transaction of what showed it. The intents come with their batches. Any number of times with one effect.
    """
    doubtful = [intent for intent in intents if intent.state in DOUBTFUL]
    for batch, some in groupby(sorted(doubtful, key=_place), key=lambda intent: intent.batch):
        with connection.cursor() as cursor:
            Batch.objects.select_for_update().get(pk=batch.pk)
            tally = Tally(batch)
            positions = [intent.position for intent in some]
            cursor.execute(SHOW, [batch.pk, positions])
            entries.prove(cursor, batch, positions, tally, by_person=by_person)
            tally.write()


def refuse(intent: Intent, code: str, reply: str) -> bool:
    """A message was given back after the mail server had taken it, or after nobody knew whether it had: its recipient
    is bounced now, and tried no more. Whether that is news.

    The intent comes with its batch. Any number of times with one effect. Raises InFlight, and then nothing is written.
    """
    batch, position = intent.batch, intent.position
    with transaction.atomic(), connection.cursor() as cursor:
        Batch.objects.select_for_update().get(pk=batch.pk)
        if Intent.objects.filter(batch=batch, position=position, state=IN_FLIGHT).exists():
            raise InFlight
        tally = Tally(batch)
        cursor.execute(REFUSE, {"code": code, "reply": reply, "batch": batch.pk, "position": position})
        for before, recipient_id, key in cursor.fetchall():
            tally.move(before, BOUNCED, first=False)
            tally.tell(BOUNCED, position, recipient_id, code, reply, key)
        tally.write()
        mark.rise()
        failpoints.reached("refused.before")
    failpoints.reached("refused.after")
    return bool(tally.changes)


def free(batch: Batch) -> int:
    """Unknown recipients of a batch are to be tried again, as after a definite no; how many they are.

    In the transaction of the person's act, which has the mailing alone.
    """
    return _move_all(batch, FREE, [RELEASED, batch.pk], UNKNOWN, Intent.State.DEFERRED)


def unfree(batch: Batch) -> int:
    """The mailing is cancelled: whoever was to be tried again is unknown as before. In the cancel's transaction."""
    return _move_all(batch, UNFREE, [batch.pk], Intent.State.DEFERRED, UNKNOWN)


def _move_all(batch: Batch, statement: str, values: list[str | int], before: str, after: str) -> int:
    with connection.cursor() as cursor:
        Batch.objects.select_for_update().get(pk=batch.pk)
        cursor.execute(statement, values)
        count: int = cursor.rowcount
        tally = Tally(batch)
        tally.move(before, after, first=False, count=count)
        tally.write()
    return count


def look(batch: Batch) -> bool:
    """Whether the mailing may still send. Raises leases.LeaseLost. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [batch.pk, batch.epoch])
        row = cursor.fetchone()
    if row is None:
        raise leases.LeaseLost
    return bool(row[0])


def forget(batch_pk: int) -> None:
    """Take out of a batch's rows what names a recipient, in the caller's transaction. Nobody sends from it any more."""
    rows = list(Intent.objects.filter(batch_id=batch_pk).values_list("pk", "address_key"))
    keys = [None if key is None else sealing.seal(key) for _, key in rows]
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [[pk for pk, _ in rows], keys])


def _place(intent: Intent) -> tuple[int, int]:
    """In one order, so that two who prove things wait for each other in one direction only."""
    return intent.batch_id, intent.position


# --- parts ----------------------------------------------------------------------------------------------


def _ours(batch: Batch) -> locking.Standing:
    """Share the mailing, and then keep the batch: two statements that go to the database together."""
    lease = min(settings.SENDING_LEASE, leases.LONGEST)
    with connection.cursor() as cursor:
        cursor.execute(f"{locking.SHARE};{KEEP}", [batch.mailing_id, lease, batch.pk, batch.epoch])
        standing = locking.standing(cursor)
        cursor.nextset()
        if standing is None or not cursor.rowcount:
            raise leases.LeaseLost
    return standing


def _ration(batch: Batch, grant: Grant, sending: list[Attempt]) -> None:
    """What the rates leave for later. Those of receiving domains first: their rows are locked in that order."""
    rates = grant.rates = domains.Rates(batch.mailing_id, grant.standing.domain_rates)
    allowed = sending
    if rates:
        room = domains.room(rates, map(_domain, sending), lock=True)
        allowed = []
        for attempt in sending:
            domain = _domain(attempt)
            fits = room[domain] > 0 or not rates.limited(domain)
            (allowed if fits else grant.later).append(attempt)
            room[domain] -= fits
    count, grant.wait = pacing.reserve(batch.mailing_id, grant.standing.rate_per_hour, len(allowed))
    grant.later += allowed[count:]
    if rates:
        domains.use(rates, Counter(map(_domain, allowed[:count])))


def _withdraw(
    cursor: CursorWrapper,
    batch: Batch,
    withdrawn: Sequence[Attempt],
    tally: Tally,
    standing: locking.Standing,
    granted: locking.Standing,
) -> None:
    positions = [attempt.position for attempt in withdrawn]
    cursor.execute(WITHDRAW_FIRST, [batch.pk, positions])
    back = {position for (position,) in cursor.fetchall()}
    tally.changes[IN_FLIGHT] -= len(back)
    cursor.execute(WITHDRAW_RETRY, [standing.is_cancelled, batch.pk, positions])
    for position, state in cursor.fetchall():
        tally.move(IN_FLIGHT, state, first=False)
        back.add(position)
    entries.prove_shown(cursor, batch, positions, tally)
    unused = Counter(_domain(attempt) for attempt in withdrawn if attempt.position in back)
    # As they were reserved: in the steps of another rate it would be more, or less.
    domains.give_back(domains.Rates(batch.mailing_id, granted.domain_rates), unused)
    pacing.give_back(batch.mailing_id, granted.rate_per_hour, len(back))


def _waiting_batches(batch: Batch) -> int:
    """Of the mailing: this one, and those that are due some time."""
    return Batch.objects.filter(mailing=batch.mailing_id, due_at__isnull=False).count()


def _domain(attempt: Attempt) -> str:
    return domains.of_address(attempt.key or "")
