"""Finds whose message a mail is about: by what only the message can have told whoever speaks of it.

Nobody is found by an address alone: anybody may say of anybody that a message to them came back. Nor by links that
people hand on, as they do with those that lead to a shop.
"""

import re
from collections.abc import Iterable
from contextlib import suppress

from accelerator import protocol
from accelerator.cloud import composing, ledger, links
from accelerator.cloud.inbound import verp
from accelerator.cloud.inbound.reading import Report
from accelerator.cloud.models import Batch, Intent, Mailing

# The signed link to unsubscribe by; a mail may quote it from whatever address the Cloud had then.
LINK = re.compile(rf"/{links.UNSUBSCRIBE}/([A-Za-z0-9_-]{{30,100}})(?![A-Za-z0-9_-])")
# Of a mail that holds more than these, nobody wants to know more. All links of a message name the same recipient.
MOST_LINKS, MOST_ADDRESSES = 20, 20
MESSAGE_NAME = re.compile(r"<([0-9a-f]{36})@")


def find(report: Report) -> Intent | None:
    """Whose message a report is about, if it is one of ours; with its batch. Raises ledger.InFlight (see `recipient`).

    The texts count only where the message that came back is one of ours itself: a person's may quote one.
    """
    readings = [reading for _, reading in verp.find(report.header)] + _links(report.header)
    found = next((intent for intent in map(recipient, readings) if intent is not None), None)
    found = found or by_message_id(report.message_ids, report.addresses)
    if found is None and any(map(MESSAGE_NAME.match, report.message_ids)):
        found = next((intent for intent in map(recipient, _links(report.text)) if intent is not None), None)
    return found


def recipient(reading: links.Reading) -> Intent | None:
    """Whom we named when we signed that, if they are known.

    Raises ledger.InFlight if they may be yet: a database that was restored lacks them until a sender has seen to it.
    """
    try:
        return links.recipient(reading)
    except links.TokenInvalid:
        if Batch.objects.filter(pk=reading.batch_pk, due_at__isnull=False).exists():
            raise ledger.InFlight from None
        return None


def by_message_id(message_ids: Iterable[str], addresses: Iterable[str]) -> Intent | None:
    """By a Message-ID, which the mailing and the address make together."""
    names = {name for text in message_ids for name in MESSAGE_NAME.findall(text)}
    if not names:
        return None
    mailings = Mailing.objects.filter(forgotten_at=None).values("key")
    found = Intent.objects.filter(mailing_id__in=mailings, address_key__in=keys(addresses))
    for intent in found.select_related("batch"):
        if composing.message_name(intent.mailing_id, intent.address_key or "") in names:
            return intent
    return None


def keys(addresses: Iterable[str]) -> list[str]:
    """The address keys of those that are addresses."""
    found = []
    for address in list(addresses)[:MOST_ADDRESSES]:
        with suppress(protocol.AddressInvalid):
            found.append(protocol.address_key(address))
    return found


def _links(text: str) -> list[links.Reading]:
    found = []
    for token in LINK.findall(text)[:MOST_LINKS]:
        with suppress(links.TokenInvalid):
            found.append(links.read(links.UNSUBSCRIBE, token))
    return found
