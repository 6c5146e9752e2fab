"""The suppression list: whom no mailing contacts. `ledger` reads it in the transaction of every attempt."""

from collections.abc import Iterable

from accelerator import protocol
from accelerator.cloud.models import Suppression


def add(addresses: Iterable[str], *, reason: str) -> int:
    """Put addresses on the list and say how many were new. Raises protocol.AddressInvalid, having stored none."""
    keys = {protocol.address_key(address) for address in addresses}
    before = Suppression.objects.filter(address_key__in=keys).count()
    Suppression.objects.bulk_create(
        [Suppression(address_key=key, reason=reason) for key in sorted(keys)], ignore_conflicts=True
    )
    return len(keys) - before


def remove(addresses: Iterable[str]) -> int:
    """Take addresses off the list and say how many were on it. Raises protocol.AddressInvalid."""
    keys = {protocol.address_key(address) for address in addresses}
    return Suppression.objects.filter(address_key__in=keys).delete()[0]


def page(after: int, limit: int) -> list[Suppression]:
    """Entries behind the one of that id, oldest first."""
    return list(Suppression.objects.filter(pk__gt=after).order_by("pk")[:limit])
