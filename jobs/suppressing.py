"""The suppression lists as people see and change them. They live at the Cloud; who changed them is remembered here.

Everything here that asks the Cloud raises client.CloudUnreachable or client.CloudRefused.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.contrib.auth.models import Group, User

from accelerator import protocol
from accelerator.protocol import Addresses, AddressInvalid, Changed, SuppressedAddress, SuppressionPage
from jobs.client import CloudRefused, CloudUnreachable, cloud
from jobs.models import SuppressionChange, account_key

logger = logging.getLogger(__name__)

Act = SuppressionChange.Act

# The most addresses in one change, and those of a file that go to the Cloud at once.
MOST, PIECE = 10_000, 5_000
# Entries that are asked for at once, for a page and for a file.
PAGE, AT_ONCE = 100, 1_000
# So many wrong lines of a file are named; the rest is counted.
NAMED = 10

VIEW, CHANGE, EVERY_ACCOUNT = "jobs.view_suppression", "jobs.change_suppression", "jobs.view_every_job"

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


@dataclass(frozen=True)
class List:
    """A suppression list that somebody may see, and perhaps change: of an account, or (none) everybody's."""

    account: Group | None
    may_change: bool

    @property
    def key(self) -> str:
        """What names it in a query; the Cloud's word for its account. Everybody's: empty."""
        return account_key(self.account)


@dataclass
class Taken:
    """What became of a file: addresses that are new on the list, that stood there before (or earlier in the file), and
    lines that hold none, of which the first are told with the reason.

    `trouble`: why the Cloud did not take the rest; lines up to `done` are on the list, of those up to `doubtful` nobody
    knows, and behind them nothing was done.
    """

    new: int = 0
    known: int = 0
    invalid: int = 0
    wrong: list[str] = field(default_factory=list)
    trouble: Exception | None = None
    done: int = 0
    doubtful: int = 0

    @property
    def unnamed(self) -> int:
        """Wrong lines that are not in `wrong`."""
        return self.invalid - len(self.wrong)


# --- who ------------------------------------------------------------------------------------------------


def lists(person: User) -> list[List]:
    """The lists that a person may see: everybody's by permission, then those of her accounts, by name.

    Whoever may see everybody's list and every Job (support) sees the lists of all accounts; superusers do anyway.
    """
    everybody, change = person.has_perm(VIEW), person.has_perm(CHANGE)
    own = set(person.groups.values_list("pk", flat=True))
    every = everybody and person.has_perm(EVERY_ACCOUNT)
    accounts = Group.objects.order_by("name") if every else person.groups.order_by("name")
    found = [List(None, change)] if everybody else []
    return found + [List(account, account.pk in own or change) for account in accounts]


# --- looking --------------------------------------------------------------------------------------------


def page(after: int, account: Group | None = None, limit: int = PAGE) -> SuppressionPage:
    """A page of a list, behind a cursor (0: from the beginning)."""
    return cloud().suppressions(after, limit, account_key(account))


def everything(account: Group | None) -> Iterator[SuppressedAddress]:
    """All entries of a list, the longest there first; asked for a page at a time."""
    after: int | None = 0
    while after is not None:
        found = page(after, account, AT_ONCE)
        yield from found.suppressions
        after = found.next


def find(address: str, account: Group | None = None) -> SuppressedAddress | None:
    """The entry of an address on a list. Raises protocol.AddressInvalid."""
    wanted = Addresses(addresses=[key(address)], account=account_key(account))
    found = cloud().find_suppressed(wanted).suppressions
    return found[0] if found else None


# --- changing -------------------------------------------------------------------------------------------


def add(addresses: Sequence[str], *, by: User, account: Group | None = None) -> int:
    """Put addresses on a list; how many were new. Raises protocol.AddressInvalid."""
    return _change(Act.ADDED, cloud().suppress, addresses, by, account)


def remove(address: str, *, by: User, account: Group | None = None) -> int:
    """Take an address off a list and no other; 0 if it was not on it. Raises protocol.AddressInvalid."""
    return _change(Act.REMOVED, cloud().unsuppress, [address], by, account)


def take_in(rows: Iterable[tuple[int, str]], *, by: User, account: Group | None) -> Taken:
    """Put the addresses of a file (line, cell) on a list, a piece at a time. Any number of times with one effect.

    Where the Cloud does not take a piece, it says how far it came, and raises nothing.
    """
    taken, rest = Taken(), iter(rows)
    while piece := list(islice(rest, PIECE)):
        addresses = list(filter(None, (_address(line, cell, taken) for line, cell in piece)))
        try:
            new = add(addresses, by=by, account=account) if addresses else 0
        except (CloudUnreachable, CloudRefused) as error:
            taken.trouble = error
            taken.doubtful = taken.done if isinstance(error, CloudRefused) else piece[-1][0]
            return taken
        taken.new += new
        taken.known += len(addresses) - new
        taken.done = taken.doubtful = piece[-1][0]
    return taken


def _address(line: int, cell: str, taken: Taken) -> str:
    try:
        return key(cell)
    except AddressInvalid as error:
        taken.invalid += 1
        if taken.invalid <= NAMED:
            taken.wrong.append(f"Line {line:,} is {error}." if cell else f"Line {line:,} has no address.")
        return ""


def key(address: str) -> str:
    """The address as the list has it. Raises protocol.AddressInvalid."""
    return protocol.address_key(address)


def digest(address_key: str) -> str:
    """What stands for an address in the record of changes."""
    return hashlib.blake2b(address_key.encode(), digest_size=16).hexdigest()


def changes_of(address: str, account: Group | None = None, limit: int = 20) -> list[SuppressionChange]:
    """Who changed the entry of an address on a list, the latest first. Raises protocol.AddressInvalid."""
    rows = SuppressionChange.objects.filter(account=account, digests__contains=[digest(key(address))])
    return list(rows.select_related("by").defer("digests")[:limit])


def _change(
    act: Act,
    ask: Callable[[Addresses], Changed],
    addresses: Sequence[str],
    by: User,
    account: Group | None,
) -> int:
    """Written down first: nothing is changed of which nobody knows who did it."""
    keys = sorted({key(address) for address in addresses})
    digests = [digest(one) for one in keys]
    row = SuppressionChange.objects.create(by=by, act=act, account=account, digests=digests)
    try:
        count = ask(Addresses(addresses=keys, account=account_key(account))).changed
    except CloudRefused:
        SuppressionChange.objects.filter(pk=row.pk).update(count=0)
        raise
    SuppressionChange.objects.filter(pk=row.pk).update(count=count)
    whose = account_key(account) or "everybody"
    logger.info("suppression list of %s: %s of %s addresses %s", whose, count, len(keys), act.label)
    return count
