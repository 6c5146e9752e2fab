"""The suppression list as people see and change it. It lives at the Cloud; who changed it is remembered here.

Everything here asks the Cloud, and raises client.CloudUnreachable or client.CloudRefused.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence

from django.contrib.auth.models import User

from accelerator import protocol
from accelerator.protocol import Addresses, Changed, SuppressedAddress, SuppressionPage
from jobs.client import CloudRefused, cloud
from jobs.models import SuppressionChange

logger = logging.getLogger(__name__)

Act = SuppressionChange.Act

# The most addresses in one change.
MOST = 10_000

# Why an address is on the list, and what it means to take it off: (the Cloud's word, for the list, for the warning).
REASONS = (
    (
        "unsubscribed",
        "Unsubscribed",
        "They unsubscribed: they asked us not to write to them. If you take them off, the next mailing may contact them"
        " again.",
    ),
    (
        "complained",
        "Complained of spam",
        "They reported a message of ours as spam: they asked us not to write to them, and their mail provider"
        " remembers. If you take them off, the next mailing may contact them again.",
    ),
    (
        "hard_bounce",
        "Hard bounce",
        "Their mail server said that the address does not exist or takes no mail. If you take it off, the next"
        " mailing may be sent to it again; who often writes to such addresses is taken for a spammer.",
    ),
    (
        "added",
        "Added by hand",
        "Somebody put the address on the list by hand. If you take it off, the next mailing may contact it again.",
    ),
)


def page(after: int) -> SuppressionPage:
    """A page of the list, behind a cursor (0: from the beginning)."""
    return cloud().suppressions(after)


def find(address: str) -> SuppressedAddress | None:
    """The entry of an address. Raises protocol.AddressInvalid."""
    found = cloud().find_suppressed(Addresses(addresses=[key(address)])).suppressions
    return found[0] if found else None


def add(addresses: Sequence[str], *, by: User) -> int:
    """Put addresses on the list; how many were new. Raises protocol.AddressInvalid."""
    return _change(Act.ADDED, cloud().suppress, addresses, by)


def remove(address: str, *, by: User) -> int:
    """Take an address off the list; 0 if it was not on it. Raises protocol.AddressInvalid."""
    return _change(Act.REMOVED, cloud().unsuppress, [address], by)


def key(address: str) -> str:
    """The address as the list has it. Raises protocol.AddressInvalid."""
    return protocol.address_key(address)


def digest(address_key: str) -> str:
    """What stands for an address in the record of changes."""
    return hashlib.blake2b(address_key.encode(), digest_size=16).hexdigest()


def changes_of(address: str, limit: int = 20) -> list[SuppressionChange]:
    """Who changed the entry of an address, the latest first. Raises protocol.AddressInvalid."""
    rows = SuppressionChange.objects.filter(digests__contains=[digest(key(address))])
    return list(rows.select_related("by").defer("digests")[:limit])


def _change(act: Act, ask: Callable[[Addresses], Changed], addresses: Sequence[str], by: User) -> int:
    """Written down first: nothing is changed of which nobody knows who did it."""
    keys = sorted({key(address) for address in addresses})
    row = SuppressionChange.objects.create(by=by, act=act, digests=[digest(one) for one in keys])
    try:
        count = ask(Addresses(addresses=keys)).changed
    except CloudRefused:
        SuppressionChange.objects.filter(pk=row.pk).update(count=0)
        raise
    SuppressionChange.objects.filter(pk=row.pk).update(count=count)
    logger.info("suppression list: %s of %s addresses %s", count, len(keys), act.label)
    return count
