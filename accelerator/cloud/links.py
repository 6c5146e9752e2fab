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


class Links:
    """The links in the mail to one record, given its batch's primary key and its position there."""

    __slots__ = ("_base", "_clicks", "_key", "_reference")

    def __init__(self, batch_pk: int, position: int) -> None:
        self._reference = REFERENCE.pack(CURRENT_KEY, batch_pk, position)
        # A mail has many links, and Django takes longer to look a setting up than we to sign one.
        self._base: str = settings.CLOUD_PUBLIC_URL
        self._key = link_key(CURRENT_KEY)
        self._clicks = _keyed(CLICK, self._key)

    @property
    def unsubscribe_url(self) -> str:
        """The page where the recipient unsubscribes; also the target of one click (RFC 8058)."""
        return self._signed(UNSUBSCRIBE, self._reference)

    @property
    def open_url(self) -> str:
        """The image whose loading says that the recipient opened the mail."""
        return self._signed(OPEN, self._reference)

    def click(self, number: int, url: str) -> str:
        """What to write instead of the link of that number, which leads there (rendering.Link)."""
        target = _target(number, url, self._base)
        if target is None:
            return url
        said = self._reference + target
        mac = self._clicks.copy()  # as _mac does it; most of what is signed is signed here
        mac.update(said)
        return f"{self._base}/{CLICK}/{_token(said + mac.digest())}"

    def local_part(self, kind: str) -> str:
        """Of an address that the recipient's message comes back to, by its kind (`inbound.verp`)."""
        return f"{kind}-{(self._reference + _mac(kind, self._reference, self._key)).hex()}"

    def _signed(self, kind: str, said: bytes) -> str:
        return f"{self._base}/{kind}/{_token(said + _mac(kind, said, self._key))}"


def _token(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(URL_SAFE, b"=").decode()


# Most mails of a mailing have the same links.
@functools.lru_cache(maxsize=1_024)
def _target(number: int, url: str, base: str) -> bytes | None:
    """What a click's token says of where it leads; None for what is left as it is."""
    if not WEB.match(url) or url.startswith(f"{base}/{UNSUBSCRIBE}/"):
        return None
    target = url.encode()
    return NUMBER.pack(number) + target if len(target) <= URL_LIMIT else None


# --- reading --------------------------------------------------------------------------------------------


def read(kind: str, token: str) -> Reading:
    """What a token of that kind says. Raises TokenInvalid."""
    try:
        data = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise TokenInvalid from None
    reading = verify(kind, data)
    # One spelling only: base64 has several for the same bytes.
    if not hmac.compare_digest(base64.urlsafe_b64encode(data).rstrip(b"="), token.encode()):
        raise TokenInvalid
    return reading


def verify(kind: str, data: bytes) -> Reading:
    """What signed bytes of that kind say. Raises TokenInvalid."""
    said, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    try:
        key_id, batch_pk, position = REFERENCE.unpack_from(said)
        expected = _mac(kind, said, link_key(key_id))
    except (struct.error, LinkKey.DoesNotExist):
        raise TokenInvalid from None
    if not hmac.compare_digest(mac, expected):
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
