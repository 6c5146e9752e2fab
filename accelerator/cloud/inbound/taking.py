"""Takes in one mail: reads what it says, finds whose message it is about, and has it recorded.

Any number of times with one effect: whoever brings a mail and hears no answer brings it again.
"""

import logging
import re
from enum import StrEnum
from functools import partial

from django.db import transaction

from accelerator.cloud import ledger, objecting, restoring
from accelerator.cloud.inbound import matching, reading, verp
from accelerator.cloud.inbound.reading import Kind, Report
from accelerator.cloud.models import Intent, Objection

logger = logging.getLogger(__name__)

# Where whoever keeps mails for us says whom they were for. Nowhere else: a message of ours that is quoted has the
# address in it that its recipient unsubscribes at.
HEADER_LIMIT = 200_000
HEADER_END = re.compile(rb"\r?\n\r?\n")
ADDRESSEES = re.compile(
    rb"^(?:to|cc|delivered-to|x-original-to|envelope-to):(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE
)


class Taken(StrEnum):
    """What a mail was, in words for whoever brought it."""

    BOUNCED = "a message came back, its recipient is bounced"
    DELIVERED = "a message was delivered"
    COMPLAINED = "a complaint, its recipient is not written to any more"
    UNSUBSCRIBED = "an unsubscribe, its recipient is not written to any more"
    KNOWN = "nothing new"
    LATE = "too late: its mailing is over, and nothing is told of its recipients any more"
    STRANGE = "about no message of this Cloud"
    NOTHING = "no report and no unsubscribe"


OBJECTIONS = {
    Kind.COMPLAINT: (Objection.Kind.COMPLAINT, Taken.COMPLAINED),
    Kind.UNSUBSCRIBE: (Objection.Kind.UNSUBSCRIBE, Taken.UNSUBSCRIBED),
}


def take(mail: bytes, recipients: str = "") -> Taken:
    """Take in a mail. `recipients` are its addressees as they stood on the envelope, if that is known.

    Raises ledger.InFlight where the mail has to be brought again a little later, and errors of the database.
    """
    header = HEADER_END.split(mail.lstrip(b"\r\n")[:HEADER_LIMIT], maxsplit=1)[0]
    named = b"\n".join([recipients.encode("ascii", "replace"), *ADDRESSEES.findall(header)])
    to_us = dict(verp.find(named.decode("ascii", "replace")))
    report = reading.read(mail)
    if report is not None:
        intent = (to_us.get(verp.BOUNCE) and matching.recipient(to_us[verp.BOUNCE])) or matching.find(report)
    elif verp.LEAVE in to_us:
        # Nobody writes there by mistake, and some programs write for people whom they have asked.
        report, intent = Report(Kind.UNSUBSCRIBE), matching.recipient(to_us[verp.LEAVE])
    else:
        return Taken.NOTHING
    if intent is None:
        logger.info("a mail came back: %s", Taken.STRANGE)
        return Taken.STRANGE
    if intent.address_key in matching.keys(report.reached):  # a list or a second address behind it failed
        return Taken.NOTHING
    return record(intent, report)


def record(intent: Intent, report: Report) -> Taken:
    """Record what is said of a message. Raises as `take` does."""
    taken = restoring.minding(partial(_record, intent, report))
    logger.info(
        "mailing %s, batch %s position %s: %s", intent.mailing_id, intent.batch.number, intent.position, taken
    )
    return taken


def prove(intent: Intent) -> Taken:
    """Record that the message is delivered: only where nobody knew whether it was taken is that news."""
    if intent.is_forgotten:
        return Taken.LATE
    with transaction.atomic():
        ledger.prove([intent], by_person=False)
    return Taken.DELIVERED


def _record(intent: Intent, report: Report) -> Taken:
    if report.kind in OBJECTIONS:
        objection, taken = OBJECTIONS[report.kind]
        return taken if objecting.record([intent], objection) else Taken.KNOWN
    if intent.is_forgotten:
        return Taken.LATE
    return Taken.BOUNCED if ledger.refuse(intent, report.code, report.reply) else Taken.KNOWN
