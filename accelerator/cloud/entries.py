"""The entries of the ledger: what its transactions write for the attempts of a window, sets of rows at a time.

Only `ledger` calls it, inside of its transactions.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accelerator.cloud import locking, sealing
from accelerator.cloud.models import Batch, Intent
from accelerator.cloud.statements import COPY, INSERT, LISTED, PROVE, RECLAIM, RECORD
from accelerator.cloud.tallying import IN_FLIGHT, Tally

SUPPRESSED = Intent.State.SUPPRESSED
DELIVERED = Intent.State.DELIVERED

PROVED = "the reply was lost, but the recipient has the message"


@dataclass(slots=True)
class Attempt:
    """One record on its way to an intent. `state` other than in flight: it is settled without being sent."""

    position: int
    recipient_id: str
    address: str
    key: str | None
    tries: int = 0  # finished attempts; above 0 there is a row in the ledger already
    state: str = IN_FLIGHT
    code: str = ""
    reply: str = ""
    envelope: str = ""
    sender: str = ""  # on the envelope: where the message comes back to
    message: bytes = b""

    def settle(self, state: str, code: str, reply: str) -> "Attempt":
        """Say that it will not be sent, and why."""
        self.state, self.code, self.reply = state, code, reply
        return self


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an intent; `again_in` seconds if it is to be attempted again."""

    position: int
    state: str
    code: str = ""
    reply: str = ""
    again_in: float | None = None


# Writes rows for attempts that have none, and says whose were written.
Write = Callable[[CursorWrapper, Batch, "list[Attempt]", Tally, locking.Standing], set[int]]


def record(
    cursor: CursorWrapper, batch: Batch, outcomes: Sequence[Outcome], tally: Tally, standing: locking.Standing
) -> None:
    """What came of intents that are in flight; of others nothing is changed."""
    alike: dict[tuple[str, str, float | None], dict[int, str]] = defaultdict(dict)
    for outcome in outcomes:
        alike[outcome.state, outcome.code, outcome.again_in][outcome.position] = outcome.reply
    for (state, code, again_in), replies in alike.items():
        cursor.execute(
            RECORD,
            {
                "state": state,
                "code": code,
                "again_in": again_in,
                "replies": json.dumps(replies),
                "batch": batch.pk,
                "positions": f"{{{','.join(map(str, replies))}}}",
                "cancelled": standing.is_cancelled,
            },
        )
        for moved_to, attempts, position, recipient_id, key in cursor.fetchall():
            tally.move(IN_FLIGHT, moved_to, first=attempts == 1)
            tally.tell(moved_to, position, recipient_id, code, replies[position], key)
        if state in (Intent.State.UNKNOWN, Intent.State.DEFERRED):
            prove_shown(cursor, batch, list(replies), tally)


def prove(
    cursor: CursorWrapper, batch: Batch, positions: Sequence[int], tally: Tally, *, by_person: bool
) -> None:
    """Of these it is shown that they have the message: by a person's use of it even where it was refused for now."""
    _prove(cursor, batch, positions, tally, earlier=False, denied=by_person)


def prove_shown(cursor: CursorWrapper, batch: Batch, positions: Sequence[int], tally: Tally) -> None:
    """These are in flight no more: who showed meanwhile that they have the message is delivered, if nobody knows it."""
    if positions:
        _prove(cursor, batch, positions, tally, earlier=True, denied=False)


def _prove(
    cursor: CursorWrapper,
    batch: Batch,
    positions: Sequence[int],
    tally: Tally,
    *,
    earlier: bool,
    denied: bool,
) -> None:
    cursor.execute(
        PROVE,
        {
            "reply": PROVED,
            "batch": batch.pk,
            "positions": list(positions),
            "earlier": earlier,
            "denied": denied,
        },
    )
    for before, position, recipient_id in cursor.fetchall():
        tally.move(before, DELIVERED, first=False)
        tally.tell(DELIVERED, position, recipient_id, "", PROVED, None)


def suppress(cursor: CursorWrapper, attempts: Sequence[Attempt], account: str) -> None:
    """Settle the attempts to whoever is on one of the lists that hold for the account."""
    forms = sealing.both(attempt.key for attempt in attempts if attempt.key)
    cursor.execute(LISTED, ["\n".join(forms), account])
    reasons = {forms[form]: reason for form, reason in cursor.fetchall()}
    for attempt in attempts:
        if attempt.key in reasons:
            attempt.settle(SUPPRESSED, reasons[attempt.key], "on the suppression list")


def copy(
    cursor: CursorWrapper, batch: Batch, attempts: list[Attempt], tally: Tally, standing: locking.Standing
) -> set[int]:
    """New rows, all of them or none. Raises IntegrityError where the mailing has a row for an address already."""
    if not attempts:
        return set()
    attempts.sort(key=_claim)
    with connection.wrap_database_errors, cursor.copy(COPY) as copy:
        for one in attempts:
            settled_at = None if one.state == IN_FLIGHT else standing.now
            about = (one.position, one.key, one.address, one.recipient_id, one.state, one.code, one.reply)
            copy.write_row((batch.mailing_id, batch.pk, *about, 0, settled_at))
    return _written([(one.position, one.state) for one in attempts], attempts, tally)


def insert(
    cursor: CursorWrapper, batch: Batch, attempts: list[Attempt], tally: Tally, _: locking.Standing
) -> set[int]:
    """New rows. An address that the mailing has a row for already is suppressed as a duplicate."""
    attempts.sort(key=_claim)
    written = _insert_rows(cursor, batch, attempts, tally)
    duplicates = [attempt for attempt in attempts if attempt.position not in written]
    for attempt in duplicates:
        attempt.settle(SUPPRESSED, "duplicate", "the same address stands earlier in this mailing").key = None
    return written | _insert_rows(cursor, batch, duplicates, tally)


def _insert_rows(cursor: CursorWrapper, batch: Batch, attempts: list[Attempt], tally: Tally) -> set[int]:
    if not attempts:
        return set()
    names = ("position", "key", "address", "recipient_id", "state", "code", "reply")
    columns = [[getattr(attempt, name) for attempt in attempts] for name in names]
    cursor.execute(INSERT, [batch.mailing_id, batch.pk, *columns])
    return _written(cursor.fetchall(), attempts, tally)


def _written(rows: list[tuple[int, str]], attempts: list[Attempt], tally: Tally) -> set[int]:
    for _, state in rows:
        tally.move("", state, first=True)
    return _told(rows, attempts, tally)


def _claim(attempt: Attempt) -> str:
    """In the order of the keys: two workers that meet in the index wait for each other in one direction only."""
    return attempt.key or ""


def reclaim(cursor: CursorWrapper, batch: Batch, attempts: list[Attempt], tally: Tally) -> set[int]:
    """Temporary refusals taken up again, by compare-and-set on their state and number of attempts."""
    if not attempts:
        return set()
    names = ("position", "tries", "state", "code", "reply")
    columns = [[getattr(attempt, name) for attempt in attempts] for name in names]
    cursor.execute(RECLAIM, [*columns, batch.pk])
    rows = cursor.fetchall()
    for _, state in rows:
        tally.move(Intent.State.DEFERRED, state, first=False)
    return _told(rows, attempts, tally)


def _told(rows: list[tuple[int, str]], attempts: list[Attempt], tally: Tally) -> set[int]:
    """The positions that were written; of those that rest without being sent, the log tells."""
    written = {position for position, _ in rows}
    for attempt in attempts:
        if attempt.state != IN_FLIGHT and attempt.position in written:
            tally.tell(
                attempt.state,
                attempt.position,
                attempt.recipient_id,
                attempt.code,
                attempt.reply,
                attempt.key,
            )
    return written
