"""The addresses that mails come back to, two for each message (VERP), if BOUNCE_DOMAIN is set.

Each names its record and is signed like a link, so that nobody can say of somebody else's message that it came back.
In hexadecimal, because mail servers on the way may change small letters to large ones and the other way round.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings

from accelerator.cloud import links

# What is sent there: messages that were not delivered, and wishes to get no more (RFC 2369, section 3.2). The kinds
# of links are other letters.
BOUNCE, LEAVE = "b", "l"

# A local part has at most 64 characters (RFC 5321, section 4.5.3.1.1); these have 60.
DIGITS = 2 * (links.REFERENCE.size + links.MAC_BYTES)
LOCAL_PART = re.compile(rf"(?<![\w.+-])([{BOUNCE}{LEAVE}])-([0-9a-f]{{{DIGITS}}})@", re.IGNORECASE)


def address(kind: str, own: links.Links) -> str:
    """Where the message with these links comes back to, or its recipient writes to; nowhere without BOUNCE_DOMAIN."""
    return f"{own.local_part(kind)}@{settings.BOUNCE_DOMAIN}" if settings.BOUNCE_DOMAIN else ""


def find(text: str) -> Iterator[tuple[str, links.Reading]]:
    """The addresses of ours in a text: the kind, and whom it names. Whatever their domain, which may have been another
    one when they were written.
    """
    for kind, digits in LOCAL_PART.findall(text):
        with suppress(links.TokenInvalid):
            yield kind.lower(), links.verify(kind.lower(), bytes.fromhex(digits))
