"""What the Internet answers for an address: rules as data, and a hash of the address that decides."""

import re
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from accelerator.demo.receiver import acting

# Mail to the demo company's own people (notifications, test messages) always arrives.
STAFF_DOMAIN = "heronandhale.example"

# Seconds that a slow... address waits before its reply.
SLOW = 3.0

# First attempts remembered; beyond that the oldest is forgotten, and greylisted once more.
REMEMBERED = 200_000


class Kind(StrEnum):
    """Why a recipient was refused, or how the line fails him."""

    UNKNOWN_USER = "unknown_user"
    MAILBOX_FULL = "mailbox_full"
    UNAVAILABLE = "unavailable"
    GREYLISTED = "greylisted"
    SPAM = "spam"
    SLOW = "slow"
    DROP_BEFORE_DOT = "drop_before_dot"
    DROP_AFTER_DOT = "drop_after_dot"


# What is said at RCPT. Kinds that are not here accept the recipient and do their work later.
REPLIES = {
    Kind.UNKNOWN_USER: "550 5.1.1 No such user here",
    Kind.MAILBOX_FULL: "552 5.2.2 Mailbox is full",
    Kind.UNAVAILABLE: "451 4.3.0 Mailbox temporarily unavailable, try again later",
    Kind.GREYLISTED: "451 4.7.1 Greylisted, try again later",
}

# Refused at the first attempt only.
ONCE = frozenset({Kind.GREYLISTED, Kind.DROP_BEFORE_DOT})

FAULT_WORDS = {
    "reject": Kind.UNKNOWN_USER,
    "full": Kind.MAILBOX_FULL,
    "defer": Kind.UNAVAILABLE,
    "greylist": Kind.GREYLISTED,
    "spam": Kind.SPAM,
    "slow": Kind.SLOW,
    "dropbeforedot": Kind.DROP_BEFORE_DOT,
    "dropafterdot": Kind.DROP_AFTER_DOT,
}
# A whole word: Ms Fuller gets her mail.
_FAULT = re.compile(rf"({'|'.join(FAULT_WORDS)})(?![a-z])")

# Of 10,000 addresses, how many meet each fate; the rest are accepted.
SHARES = (
    (Kind.UNKNOWN_USER, 120),
    (Kind.MAILBOX_FULL, 30),
    (Kind.GREYLISTED, 50),
    (Kind.UNAVAILABLE, 10),
)


def fate(address: str, *, accept_all: bool = False) -> Kind | None:
    """What awaits every message to the address (in any case); None: it is accepted."""
    address = address.lower()
    fault = _FAULT.match(address)
    if fault:
        return FAULT_WORDS[fault[1]]
    if accept_all or address.endswith("@" + STAFF_DOMAIN) or acting.is_word(address):
        return None
    place = int.from_bytes(blake2b(address.encode(), digest_size=8).digest(), "big") % 10_000
    for kind, share in SHARES:
        if place < share:
            return kind
        place -= share
    return None


@dataclass
class Verdicts:
    """Fates plus the memory that "only once" needs: which recipients have had their first attempt."""

    accept_all: bool = False

    def __post_init__(self) -> None:
        self._tried: OrderedDict[str, None] = OrderedDict()

    def of(self, address: str) -> Kind | None:
        """The verdict on this attempt. Asking again is a later attempt."""
        kind = fate(address, accept_all=self.accept_all)
        if kind not in ONCE:
            return kind
        if address.lower() in self._tried:
            return None
        self._tried[address.lower()] = None
        if len(self._tried) > REMEMBERED:
            self._tried.popitem(last=False)
        return kind

    def forget(self, address: str) -> None:
        """A message was accepted for the address: the next message begins anew."""
        self._tried.pop(address.lower(), None)
