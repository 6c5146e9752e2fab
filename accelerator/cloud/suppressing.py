"""The suppression lists: whom no mailing contacts (everybody's), and whom no mailing of an account does (its own).

`ledger` reads both in the transaction of every attempt.
"""

import datetime
import uuid
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from django.conf import settings
from django.db import connection, transaction

from accelerator import failpoints, protocol
from accelerator.cloud import sealing
from accelerator.cloud.models import Intent, Mailing, Suppression, mark

# Why an address is on a list: a person put it there, it is no good, or who is behind it does not want to hear of us.
ADDED, HARD_BOUNCE, UNSUBSCRIBED, COMPLAINED = "added", "hard_bounce", "unsubscribed", "complained"
# The account of everybody's list.
EVERYBODY = ""

ENTER = """
INSERT INTO cloud_suppression (account, address_key, reason)
SELECT account, address_key, %s FROM unnest(%s::text[], %s::text[]) AS entry (account, address_key)
ORDER BY account, address_key ON CONFLICT DO NOTHING
"""


class Reach(StrEnum):
    """For whose mailings somebody enters a list by a rule; values of the setting UNSUBSCRIBE_FROM."""

    ACCOUNT = "account"  # of the account that sent; where the mailing has none, everybody's
    EVERYBODY = "everybody"


def rules() -> dict[str, Reach]:
    """What happens to mails, and on whose list it puts the address."""
    return {
        HARD_BOUNCE: Reach.EVERYBODY,  # the address does not exist, whoever writes to it
        COMPLAINED: Reach.EVERYBODY,  # the provider holds it against all who send from here
        UNSUBSCRIBED: Reach(settings.UNSUBSCRIBE_FROM),
    }


def list_of(reason: str, account: str) -> str:
    """Whose list an address enters for that reason by a mailing of the account."""
    return account if rules()[reason] is Reach.ACCOUNT else EVERYBODY


def by_rule(keys: Mapping[uuid.UUID, Iterable[str]], *, reason: str) -> None:
    """Put the address keys of recipients, by their mailing, on the list that the rule names."""
    accounts: dict[uuid.UUID, str] = {}
    if rules()[reason] is Reach.ACCOUNT:
        accounts = dict(Mailing.objects.filter(pk__in=[*keys]).values_list("pk", "account"))
    enter(
        [(accounts.get(mailing, EVERYBODY), key) for mailing, some in keys.items() for key in some],
        reason=reason,
    )


def add(addresses: Iterable[str], *, reason: str, account: str = EVERYBODY) -> int:
    """Put addresses on a list and say how many were new. Raises protocol.AddressInvalid, having stored none."""
    keys = {protocol.address_key(address) for address in addresses}
    with transaction.atomic():
        new = enter([(account, key) for key in keys], reason=reason)
        mark.rise()
        failpoints.reached("listed.before")
    failpoints.reached("listed.after")
    return new


def enter(entries: Collection[tuple[str, str]], *, reason: str) -> int:
    """Put address keys on the lists of accounts, given as (account, address key); how many were new there.

    Always in one order: two transactions wait for each other in one direction.
    """
    if not entries:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(ENTER, [reason, *map(list, zip(*entries, strict=True))])
        count: int = cursor.rowcount
    return count


def take_back(key: uuid.UUID, since: datetime.datetime | None = None) -> None:
    """Undo the entries that the hard bounces of this mailing made, or those `since` then: what it was told was no news
    about recipients.
    """
    accepted, account = Mailing.objects.values_list("accepted_at", "account").get(key=key)
    bounced = Intent.objects.filter(mailing=key, state=Intent.State.BOUNCED).values("address_key")
    entries = Suppression.objects.filter(account=list_of(HARD_BOUNCE, account), reason=HARD_BOUNCE)
    entries.filter(at__gte=since or accepted, address_key__in=bounced).delete()


def find(addresses: Iterable[str], account: str = EVERYBODY) -> list[Suppression]:
    """Those of the addresses that are on the list, each once. Raises protocol.AddressInvalid."""
    forms = sealing.both({protocol.address_key(address) for address in addresses})
    found: dict[str, Suppression] = {}
    for row in Suppression.objects.filter(account=account, address_key__in=[*forms]).order_by("pk"):
        row.address_key = forms[row.address_key]  # whoever asks knows it
        found.setdefault(row.address_key, row)
    return list(found.values())


def remove(addresses: Iterable[str], account: str = EVERYBODY) -> int:
    """Take addresses off that list and no other; how many were on it. Raises protocol.AddressInvalid."""
    forms = sealing.both({protocol.address_key(address) for address in addresses})
    with transaction.atomic():
        rows = Suppression.objects.filter(account=account, address_key__in=[*forms])
        removed = len({forms[form] for form in rows.values_list("address_key", flat=True)})
        rows.delete()
        mark.rise()
        failpoints.reached("unlisted.before")
    failpoints.reached("unlisted.after")
    return removed


def page(after: int, limit: int, account: str = EVERYBODY) -> list[Suppression]:
    """Entries of the list behind the one of that id, oldest first."""
    return list(Suppression.objects.filter(account=account, pk__gt=after).order_by("pk")[:limit])
