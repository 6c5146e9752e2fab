"""Finds whose message a mail is about: by what only the message can have told whoever speaks of it.

Nobody is found by an address alone: anybody may say of anybody that a message to them came back.
"""

import re
from collections.abc import Iterable
from contextlib import suppress

from accelerator import protocol
from accelerator.cloud import composing, links
from accelerator.cloud.inbound.reading import Report
from accelerator.cloud.models import Intent, Mailing

# A signed link; a mail may quote it from whatever address the Cloud had then.
LINK = re.compile(rf"/([{links.OPEN}{links.CLICK}{links.UNSUBSCRIBE}])/([A-Za-z0-9_-]{{30,8000}})")
# Of a mail that holds more than these, nobody wants to know more. All links of a message name the same recipient.
MOST_LINKS, MOST_ADDRESSES = 20, 20
MESSAGE_NAME = re.compile(r"<([0-9a-f]{36})@")


def find(report: Report) -> Intent | None:
    """Whose message a report is about, if it is one of ours; with its batch."""
    return by_links(report.text) or by_message_id(report.message_ids, report.addresses)


def by_links(text: str) -> Intent | None:
    """By a link of the message."""
    for kind, token in LINK.findall(text)[:MOST_LINKS]:
        with suppress(links.TokenInvalid):
            return links.recipient(links.read(kind, token))
    return None


def by_message_id(message_ids: Iterable[str], addresses: Iterable[str]) -> Intent | None:
    """By a Message-ID, which the mailing and the address make together."""
    names = {name for text in message_ids for name in MESSAGE_NAME.findall(text)}
    if not names:
        return None
    keys = set()
    for address in list(addresses)[:MOST_ADDRESSES]:
        with suppress(protocol.AddressInvalid):
            keys.add(protocol.address_key(address))
    mailings = Mailing.objects.filter(forgotten_at=None).values("key")
    found = Intent.objects.filter(mailing_id__in=mailings, address_key__in=list(keys))
    for intent in found.select_related("batch"):
        if composing.message_name(intent.mailing_id, intent.address_key or "") in names:
            return intent
    return None
