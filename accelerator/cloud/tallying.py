"""What one transaction of the ledger changes beside the intents: tallies, the log of events, the suppression list."""

from collections import Counter

from django.db import connection

from accelerator.cloud import events, replies, suppressing
from accelerator.cloud.models import Batch, Intent

IN_FLIGHT = Intent.State.IN_FLIGHT


class Tally:
    """What changes in a batch: its tallies and the events that tell of them, gathered and written at once."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.changes: Counter[str] = Counter()
        self.happenings: list[events.Happening] = []
        self.no_good: list[str] = []  # address keys behind hard bounces

    def move(self, before: str, after: str, *, first: bool, count: int = 1) -> None:
        """Records that change their class; `first`: their first attempt is over by that."""
        if before:
            self.changes[before] -= count
        self.changes[after] += count
        if first and after != IN_FLIGHT:
            self.changes["attempted"] += count

    def tell(
        self, state: str, position: int, recipient_id: str, code: str, reply: str, key: str | None
    ) -> None:
        """Where a recipient came to rest. What is tried again is no event."""
        if state in (IN_FLIGHT, Intent.State.DEFERRED):
            return
        happening = events.Happening(
            kind=state, batch=self.batch.number, record=position, recipient_id=recipient_id
        )
        if code:
            happening["code"] = code
        if state == Intent.State.BOUNCED:
            bounce = replies.bounce(code, reply)
            happening["category"], happening["hard"] = bounce.category, bounce.hard
            if bounce.hard and key:
                self.no_good.append(key)
        self.happenings.append(happening)

    def write(self) -> None:
        changes = {name: count for name, count in self.changes.items() if count and name}
        if changes:
            # In SQL, because every window writes it; the names are those of Intent.State.
            sets = [f"{name} = {name} + %s" for name in changes]
            if changes.get("attempted", 0) > 0:
                sets.append("last_attempt_at = statement_timestamp()")
            with connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE cloud_batch SET {', '.join(sets)} WHERE id = %s",  # noqa: S608
                    [*changes.values(), self.batch.pk],
                )
        events.append(self.batch.mailing_id, self.happenings)
        if self.no_good:
            suppressing.by_rule({self.batch.mailing_id: self.no_good}, reason=suppressing.HARD_BOUNCE)
