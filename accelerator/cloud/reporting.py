"""Says where a mailing stands: sums over its batches, never over its recipients."""

import datetime
import uuid

from django.db.models import Count, Max, Q, QuerySet, Sum

from accelerator import protocol
from accelerator.cloud.models import TALLIES, Batch, Intent, Mailing
from accelerator.protocol import Desired, MailingState

# Outcomes that have rows to list; who waits is still bytes.
LISTED = ("delivered", "bounced", "suppressed", "render_errors", "unknown", "deferred")
PAGE_LIMIT = 1_000


class PageInvalid(ValueError):
    """An outcome that has no list, or a cursor that no page gave."""


def find(key: uuid.UUID) -> Mailing | None:
    """The mailing without its documents, which may be megabytes."""
    return Mailing.objects.defer("instructions", "supplemental").filter(key=key).first()


def status(mailing: Mailing) -> protocol.MailingStatus:
    """The mailing with its counts at this instant."""
    counts, missing, last_attempt_at = count(mailing)
    return protocol.MailingStatus(
        key=str(mailing.key),
        state=state(mailing, counts, missing),
        request_id=mailing.request_id,
        seq=max(mailing.seq, 0),
        desired=Desired(mailing.desired),
        counts=counts,
        held=_hold(mailing.held_code, mailing.held_reason, mailing.held_since),
        stopped=_hold(mailing.stopped_code, mailing.stopped_reason, mailing.stopped_since),
        last_attempt_at=_iso(last_attempt_at),
    )


def count(mailing: Mailing) -> tuple[protocol.Counts, int, datetime.datetime | None]:
    """Counts by class, batches still to come, and when the last first attempt was."""
    here = Q(received_at__isnull=False)
    sums = Batch.objects.filter(mailing_id=mailing.key).aggregate(
        transferred=Sum("records", filter=here, default=0),
        missing=Count("pk", filter=~here),
        last_attempt_at=Max("last_attempt_at"),
        attempted=Sum("attempted", default=0),
        **{name: Sum(name, default=0) for name in TALLIES},
    )
    missing, last_attempt_at = sums.pop("missing"), sums.pop("last_attempt_at")
    waiting = sums["transferred"] - sum(sums[name] for name in TALLIES)
    not_sent = 0
    if mailing.desired == Desired.CANCEL:
        # What was not begun, and what was refused for now, is not begun again.
        not_sent, waiting = waiting + sums["deferred"], 0
        sums["deferred"] = 0
    return protocol.Counts(waiting=waiting, not_sent=not_sent, **sums), missing, last_attempt_at


def state(mailing: Mailing, counts: protocol.Counts, missing: int) -> MailingState:
    """One word for it. A pause is shown as such even if nothing is left to do: it is what was asked for."""
    if mailing.request_id is None:
        return MailingState.UNKNOWN
    if mailing.desired == Desired.CANCEL:
        return MailingState.CANCELLED
    if mailing.desired == Desired.PAUSE or mailing.stopped_code:
        return MailingState.PAUSED
    if not missing and counts.at_rest:
        return MailingState.FINISHED
    return MailingState.RUNNING


# --- recipients -----------------------------------------------------------------------------------------


def recipients(key: uuid.UUID, outcome: str, after: str, limit: int) -> protocol.RecipientPage:
    """A page of recipients of one outcome, in the order of the batches. Raises PageInvalid."""
    if outcome not in LISTED:
        raise PageInvalid(f"Recipients are listed by one of these outcomes: {', '.join(LISTED)}.")
    batch_pk, position = _cursor(after)
    rows: list[Intent] = []
    for pk in _batches_with(outcome, key, batch_pk):
        here = Intent.objects.filter(batch_id=pk, state=outcome)
        if pk == batch_pk:
            here = here.filter(position__gt=position)
        rows += here.order_by("position")[: limit + 1 - len(rows)]
        if len(rows) > limit:
            break
    page = rows[:limit]
    following = f"{page[-1].batch_id}.{page[-1].position}" if len(rows) > limit else None
    return protocol.RecipientPage(recipients=[_recipient(row) for row in page], next=following)


def _batches_with(outcome: str, key: uuid.UUID, first: int) -> "QuerySet[Batch, int]":
    """Batches whose tally promises at least one row: the others are not looked at."""
    rows = Batch.objects.filter(mailing_id=key, pk__gte=first, **{f"{outcome}__gt": 0})
    return rows.order_by("pk").values_list("pk", flat=True)


def _cursor(text: str) -> tuple[int, int]:
    batch, _, position = (text or "0.0").partition(".")
    if not (batch.isdigit() and position.isdigit()) or len(text) > 40:
        raise PageInvalid("The cursor is none that a page gave.")
    return int(batch), int(position)


def _recipient(row: Intent) -> protocol.Recipient:
    return protocol.Recipient(
        recipient_id=row.recipient_id,
        address=row.address,
        outcome=row.state,
        code=row.code,
        reply=row.reply,
        at=_iso(row.settled_at) or "",
    )


def _hold(code: str, reason: str, since: datetime.datetime | None) -> protocol.Hold | None:
    return protocol.Hold(code=code, reason=reason, since=_iso(since) or "") if code else None


def _iso(at: datetime.datetime | None) -> str | None:
    return at.astimezone(datetime.UTC).isoformat() if at else None
