"""The links in mails: what stands in them, signed by the Cloud and valid for good, and whom they name.

A token is one piece of text that may stand in a URL: the number of the link key, batch and position; behind them, in
a click's, the number of the link and where it leads; at the end a signature. Each kind is signed in its own way, so
none passes for another. No address is in it: links end up in logs and referrers.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import re
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from accelerator.cloud.models import Intent, LinkKey

# The kinds of links, by their place in the path.
OPEN, CLICK, UNSUBSCRIBE = "o", "c", "u"

# Link key, batch, position; the number of a link.
REFERENCE = struct.Struct(">BQI")
NUMBER = struct.Struct(">I")
MAC_BYTES = 16
CURRENT_KEY = 1

# The alphabet of base64 that may stand in a URL (RFC 4648, section 5).
URL_SAFE = bytes.maketrans(b"+/", b"-_")

# What a click can lead to. Anything else, mailto: or #top, is the business of the mail program.
WEB = re.compile(r"[\x00-\x20]*https?://", re.IGNORECASE)
# Bytes of a URL that are still carried: with it the request of a click stays within the 8 KB that proxies take.
URL_LIMIT = 5_500


class TokenInvalid(ValueError):
    """A link that this Cloud did not write."""


@dataclass(frozen=True)
class Reading:
    """What stands in a token; `link` and `url` in a click's alone."""

    batch_pk: int
    position: int
    link: int = 0
    url: str = ""


# --- writing --------------------------------------------------------------------------------------------


def unsubscribe_url(batch_pk: int, position: int) -> str:
    """The page where the recipient of this record unsubscribes; also the target of one click (RFC 8058)."""
    return _signed(UNSUBSCRIBE, REFERENCE.pack(CURRENT_KEY, batch_pk, position))


def open_url(batch_pk: int, position: int) -> str:
    """The image whose loading says that this recipient opened the mail."""
    return _signed(OPEN, REFERENCE.pack(CURRENT_KEY, batch_pk, position))


def clicks(batch_pk: int, position: int) -> Callable[[int, str], str]:
    """For each link of this recipient's mail, by number and URL: what to write instead (rendering.Link)."""
    reference = REFERENCE.pack(CURRENT_KEY, batch_pk, position)
    base: str = settings.CLOUD_PUBLIC_URL

    def click_url(number: int, url: str) -> str:
        target = _target(url, base)
        return url if target is None else _signed(CLICK, reference + NUMBER.pack(number) + target)

    return click_url


# Most mails of a mailing have the same links.
@functools.lru_cache(maxsize=1_024)
def _target(url: str, base: str) -> bytes | None:
    """What a click's token says of where it leads; None for what is left as it is."""
    if not WEB.match(url) or url.startswith(f"{base}/{UNSUBSCRIBE}/"):
        return None
    target = url.encode()
    return target if len(target) <= URL_LIMIT else None


def _signed(kind: str, said: bytes) -> str:
    data = said + _mac(kind, said, link_key(CURRENT_KEY))
    token = binascii.b2a_base64(data, newline=False).translate(URL_SAFE, b"=").decode()
    return f"{settings.CLOUD_PUBLIC_URL}/{kind}/{token}"


# --- reading --------------------------------------------------------------------------------------------


def read(kind: str, token: str) -> Reading:
    """What a token of that kind says. Raises TokenInvalid."""
    try:
        data = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        said, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        key_id, batch_pk, position = REFERENCE.unpack_from(said)
        expected = _mac(kind, said, link_key(key_id))
    except (UnicodeEncodeError, binascii.Error, struct.error, LinkKey.DoesNotExist):
        raise TokenInvalid from None
    # One spelling only: base64 has several for the same bytes.
    spelled = hmac.compare_digest(base64.urlsafe_b64encode(data).rstrip(b"="), token.encode())
    if not (hmac.compare_digest(mac, expected) and spelled):
        raise TokenInvalid
    if kind != CLICK:
        return Reading(batch_pk, position)
    (number,) = NUMBER.unpack_from(said, REFERENCE.size)
    return Reading(batch_pk, position, number, said[REFERENCE.size + NUMBER.size :].decode())


def recipient(reading: Reading) -> Intent:
    """Whom a token names: their intent, with its batch. Raises TokenInvalid if nobody was ever written to there."""
    found = Intent.objects.filter(batch_id=reading.batch_pk, position=reading.position)
    intent = found.exclude(address_key=None).select_related("batch").first()
    if intent is None:
        raise TokenInvalid
    return intent


def _mac(kind: str, said: bytes, key: bytes) -> bytes:
    if kind == UNSUBSCRIBE:
        # The oldest kind; what was sent with it goes on being valid.
        return hmac.digest(key, b"unsubscribe" + said, "sha256")[:MAC_BYTES]
    # A third of the time, and there are many of them in each mail.
    mac = _keyed(kind, key).copy()
    mac.update(said)
    return mac.digest()


@functools.lru_cache(maxsize=32)
def _keyed(kind: str, key: bytes) -> "hashlib.blake2b":
    """The hash before anything is said: to take the key in is half of the work."""
    return hashlib.blake2b(key=key, person=kind.encode(), digest_size=MAC_BYTES)


@functools.lru_cache(maxsize=16)
def link_key(key_id: int) -> bytes:
    """The secret of that number; the current one is made when it is first needed. Raises LinkKey.DoesNotExist."""
    if key_id == CURRENT_KEY:
        made = LinkKey(id=CURRENT_KEY, secret=secrets.token_bytes(32))
        LinkKey.objects.bulk_create([made], ignore_conflicts=True)
    return bytes(LinkKey.objects.get(id=key_id).secret)
