"""Says where a mailing stands: sums over its batches, never over its recipients."""

import datetime
import uuid

from django.db.models import Count, Max, Q, Sum

from accelerator import protocol
from accelerator.cloud.models import TALLIES, Batch, Mailing
from accelerator.protocol import Desired, MailingState


def find(key: uuid.UUID) -> Mailing | None:
    """The mailing without its documents, which may be megabytes."""
    return Mailing.objects.defer("instructions", "supplemental").filter(key=key).first()


def status(mailing: Mailing) -> protocol.MailingStatus:
    """The mailing with its counts at this instant."""
    counts, missing, last_attempt_at = count(mailing)
    # Whoever was given up last left nobody who waits.
    waits = bool(mailing.held_code) and not (counts.at_rest and not missing)
    return protocol.MailingStatus(
        key=str(mailing.key),
        state=state(mailing, counts, missing),
        request_id=mailing.request_id,
        seq=max(mailing.seq, 0),
        desired=Desired(mailing.desired),
        counts=counts,
        held=_hold(mailing.held_code, mailing.held_reason, mailing.held_since) if waits else None,
        stopped=_hold(mailing.stopped_code, mailing.stopped_reason, mailing.stopped_since),
        last_attempt_at=protocol.iso(last_attempt_at) if last_attempt_at else None,
        restored=mailing.restored_at is not None,
        rate_seq=mailing.rate_seq,
        rate_per_hour=mailing.rate_per_hour or 0,
        domain_rates=mailing.domain_rates,
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


def _hold(code: str, reason: str, since: datetime.datetime | None) -> protocol.Hold | None:
    return (
        protocol.Hold(code=code, reason=reason, since=protocol.iso(since) if since else "") if code else None
    )
