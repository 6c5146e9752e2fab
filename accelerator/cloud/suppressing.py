"""The suppression list: whom no mailing contacts. `ledger` reads it in the transaction of every attempt."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from accelerator import failpoints, protocol
from accelerator.cloud import sealing
from accelerator.cloud.models import Intent, Mailing, Suppression, mark

# Why an address is on the list: a person put it there, it is no good, or who is behind it does not want to hear of us.
ADDED, HARD_BOUNCE, UNSUBSCRIBED, COMPLAINED = "added", "hard_bounce", "unsubscribed", "complained"


def add(addresses: Iterable[str], *, reason: str) -> int:
    """Put addresses on the list and say how many were new. Raises protocol.AddressInvalid, having stored none."""
    keys = {protocol.address_key(address) for address in addresses}
    with transaction.atomic():
        before = Suppression.objects.filter(address_key__in=keys).count()
        enter(keys, reason=reason)
        mark.rise()
        failpoints.reached("listed.before")
    failpoints.reached("listed.after")
    return len(keys) - before


def enter(keys: Iterable[str], *, reason: str) -> None:
    """Put address keys on the list. Always in their order: two transactions wait for each other in one direction."""
    Suppression.objects.bulk_create(
        [Suppression(address_key=key, reason=reason) for key in sorted(set(keys))], ignore_conflicts=True
    )


def take_back(key: uuid.UUID) -> None:
    """Undo the entries that the hard bounces of this mailing made: what it was told was no news about recipients."""
    accepted = Mailing.objects.filter(key=key).values("accepted_at")
    bounced = Intent.objects.filter(mailing=key, state=Intent.State.BOUNCED).values("address_key")
    Suppression.objects.filter(reason=HARD_BOUNCE, at__gte=accepted, address_key__in=bounced).delete()


def find(addresses: Iterable[str]) -> list[Suppression]:
    """Those of the addresses that are on the list, each once. Raises protocol.AddressInvalid."""
    forms = sealing.both({protocol.address_key(address) for address in addresses})
    found: dict[str, Suppression] = {}
    for row in Suppression.objects.filter(address_key__in=[*forms]).order_by("pk"):
        row.address_key = forms[row.address_key]  # whoever asks knows it
        found.setdefault(row.address_key, row)
    return list(found.values())


def remove(addresses: Iterable[str]) -> int:
    """Take addresses off the list and say how many were on it. Raises protocol.AddressInvalid."""
    forms = sealing.both({protocol.address_key(address) for address in addresses})
    with transaction.atomic():
        rows = Suppression.objects.filter(address_key__in=[*forms])
        removed = len({forms[form] for form in rows.values_list("address_key", flat=True)})
        rows.delete()
        mark.rise()
        failpoints.reached("unlisted.before")
    failpoints.reached("unlisted.after")
    return removed


def page(after: int, limit: int) -> list[Suppression]:
    """Entries behind the one of that id, oldest first."""
    return list(Suppression.objects.filter(pk__gt=after).order_by("pk")[:limit])
