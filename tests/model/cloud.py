"""accelerator/cloud/intake.py and reporting.py: what each request of the dashboard does, in one transaction."""

from accelerator.protocol import Desired
from tests.model import parts
from tests.model.parts import Mailing, Message, Rules, Status

# What the dashboard is told: a MailingStatus, or an HTTP status.
Answer = Status | int


def serve(mailing: Mailing, message: Message, rules: Rules) -> tuple[Mailing, Answer]:
    """A request that arrives, however late or often."""
    match message.what:
        case "mailing":
            return accept(mailing, rules)
        case "batch":
            return store_batch(mailing, message.number, rules)
        case _:
            return control(mailing, message.number, message.desired, rules)


def accept(mailing: Mailing, rules: Rules) -> tuple[Mailing, Answer]:
    """intake.accept()"""
    if mailing.desired is Desired.CANCEL and rules.mutant != "submission-after-cancel":
        return mailing, 410
    if not mailing.request_id:
        mailing = mailing._replace(known=True, request_id=True)
    elif rules.mutant == "submission-begins-again":
        nobody = (parts.WAITING,) * rules.recipients
        mailing = mailing._replace(intents=nobody, received=parts.NOBODY)
    return mailing, status(mailing, rules)


def store_batch(mailing: Mailing, number: int, rules: Rules) -> tuple[Mailing, Answer]:
    """intake.store_batch()"""
    if mailing.desired is Desired.CANCEL:
        return mailing, 410
    if not mailing.request_id:
        return mailing, 404
    if number not in mailing.received:
        due = mailing.due | {number} if mailing.may_send else mailing.due
        mailing = mailing._replace(received=mailing.received | {number}, due=due)
    return mailing, 200


def control(mailing: Mailing, seq: int, desired: Desired, rules: Rules) -> tuple[Mailing, Answer]:
    """intake.control() with reporting.status(): nothing is committed between the wish and the counts."""
    mailing = mailing._replace(known=True)
    if seq > mailing.seq or rules.mutant == "control-without-number":
        mailing = mailing._replace(seq=seq)
        if mailing.desired is not Desired.CANCEL or rules.mutant == "cancel-that-can-be-taken-back":
            mailing = _apply(mailing._replace(desired=desired), rules)
    return mailing, status(mailing, rules)


def _apply(mailing: Mailing, rules: Rules) -> Mailing:
    if mailing.desired is not Desired.RUN:
        return mailing._replace(counted=unsettled(mailing))
    if rules.mutant == "resume-that-forgets":
        mailing = mailing._replace(intents=tuple(parts.WAITING for _ in mailing.intents))
    # guarding.excuse(), intake.unfinished()
    return mailing._replace(stopped=False, counted=parts.NOBODY, due=mailing.due | unfinished(mailing, rules))


def unfinished(mailing: Mailing, rules: Rules) -> frozenset[int]:
    """intake.unfinished()"""
    return frozenset(
        batch
        for batch in mailing.received
        if not all(mailing.intents[recipient] in parts.AT_REST for recipient in rules.of(batch))
    )


def unsettled(mailing: Mailing) -> frozenset[int]:
    """Whom an acknowledgement counts as in flight or as unknown: who may still be accepted."""
    return frozenset(
        recipient
        for recipient, intent in enumerate(mailing.intents)
        if intent in parts.IN_FLIGHT or intent == parts.UNKNOWN
    )


def status(mailing: Mailing, rules: Rules) -> Status:
    """reporting.status()"""
    cancelled = mailing.desired is Desired.CANCEL
    here = [mailing.intents[recipient] for batch in mailing.received for recipient in rules.of(batch)]
    in_flight = any(intent in parts.IN_FLIGHT for intent in here)
    begun = (parts.WAITING,) if rules.mutant == "progress-when-fetched" else (parts.WAITING, parts.FLYING)
    unsent = any(intent in (parts.WAITING, parts.DEFERRED) for intent in here)
    return Status(
        request_id=mailing.request_id,
        seq=mailing.seq,
        stopped=mailing.stopped,
        cancelled=cancelled and mailing.request_id,
        attempted=all(intent not in begun for intent in mailing.intents),
        at_rest=not in_flight and (cancelled or not unsent),
        in_flight=in_flight,
    )


def told(mailing: Mailing) -> int:
    """How many events stand in the log: one for everybody who came to rest (ledger.tell)."""
    return sum(intent in parts.AT_REST for intent in mailing.intents)
