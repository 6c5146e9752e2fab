"""The links in mails: what stands in them, signed by the Cloud and valid for good, and whom they name.

A token is one piece of text that may stand in a URL: the number of the link key, batch and position, and a signature.
In a click's, the number of the link and where it leads follow, with a signature of their own: whom it names is signed
once for all links of a message, and where it leads once for all messages of a batch, because a mail has many links.
Each kind is signed in its own way, so none passes for another. No address is in it: links end up in logs and referrers.
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
OPEN, CLICK, UNSUBSCRIBE, TRAP = "o", "c", "u", "t"

# Link key, batch, position; the number of a link.
REFERENCE = struct.Struct(">BQI")
NUMBER = struct.Struct(">I")
# What the database has places for.
MOST, MOST_POSITION = 2**63 - 1, 2**31 - 1
MAC_BYTES = 16
# In a click's: together with the reference 30 bytes, which are 40 characters whatever follows.
WHO_MAC_BYTES = 17
WHO, WHERE = "who", "where"  # how the two parts of a click's are signed
# Link key and batch: where a link leads is signed for one batch, so that no other mailing's leads there.
PLACE = struct.Struct(">BQ")
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

    __slots__ = ("_base", "_batch_pk", "_key", "_reference", "_to")

    def __init__(self, batch_pk: int, position: int) -> None:
        self._batch_pk = batch_pk
        self._reference = REFERENCE.pack(CURRENT_KEY, batch_pk, position)
        # A mail has many links, and Django takes longer to look a setting up than we to write one.
        self._base: str = settings.CLOUD_PUBLIC_URL
        self._key = link_key(CURRENT_KEY)
        self._to = ""  # how the URLs of its clicks begin

    @property
    def unsubscribe_url(self) -> str:
        """The page where the recipient unsubscribes; also the target of one click (RFC 8058)."""
        return self._signed(UNSUBSCRIBE, self._reference)

    @property
    def open_url(self) -> str:
        """The image whose loading says that the recipient opened the mail."""
        return self._signed(OPEN, self._reference)

    @property
    def trap_url(self) -> str:
        """A link that nobody sees: who follows it is a machine."""
        return self._signed(TRAP, self._reference)

    def click(self, number: int, url: str) -> str:
        """What to write instead of the link of that number, which leads there (rendering.Link)."""
        target = _target(self._batch_pk, number, url, self._base, self._key)
        if target is None:
            return url
        if not self._to:
            who = _hashed(WHO, self._reference, self._key, WHO_MAC_BYTES)
            self._to = f"{self._base}/{CLICK}/{_token(self._reference + who)}"
        return self._to + target

    def local_part(self, kind: str) -> str:
        """Of an address that the recipient's message comes back to, by its kind (`inbound.verp`)."""
        return f"{kind}-{(self._reference + _mac(kind, self._reference, self._key)).hex()}"

    def _signed(self, kind: str, said: bytes) -> str:
        return f"{self._base}/{kind}/{_token(said + _mac(kind, said, self._key))}"


def _token(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(URL_SAFE, b"=").decode()


# Most mails of a batch have the same links.
@functools.lru_cache(maxsize=1_024)
def _target(batch_pk: int, number: int, url: str, base: str, key: bytes) -> str | None:
    """What a click's token says of where it leads; None for what is left as it is."""
    if not WEB.match(url) or url.startswith(f"{base}/{UNSUBSCRIBE}/"):
        return None
    target = url.encode()
    if len(target) > URL_LIMIT:
        return None
    said = NUMBER.pack(number) + target
    return _token(said + _hashed(WHERE, PLACE.pack(CURRENT_KEY, batch_pk) + said, key))


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
        key = link_key(key_id)
    except (struct.error, LinkKey.DoesNotExist):
        raise TokenInvalid from None
    if batch_pk > MOST or position > MOST_POSITION:
        raise TokenInvalid
    rest = said[REFERENCE.size :]
    if kind == CLICK and _is_in_two_parts(data, key):
        rest = rest[WHO_MAC_BYTES:]
    elif not hmac.compare_digest(mac, _mac(kind, said, key)):  # so were clicks once, all in one part
        raise TokenInvalid
    if kind != CLICK:
        return Reading(batch_pk, position)
    (number,) = NUMBER.unpack_from(rest)
    if number > MOST_POSITION:
        raise TokenInvalid
    return Reading(batch_pk, position, number, rest[NUMBER.size :].decode())


def _is_in_two_parts(data: bytes, key: bytes) -> bool:
    """Whether it is a click's whose two parts are signed by themselves."""
    end = REFERENCE.size + WHO_MAC_BYTES
    reference, who = data[: REFERENCE.size], data[REFERENCE.size : end]
    said, where = data[end:-MAC_BYTES], data[-MAC_BYTES:]
    return (
        len(said) >= NUMBER.size
        and hmac.compare_digest(who, _hashed(WHO, reference, key, WHO_MAC_BYTES))
        and hmac.compare_digest(where, _hashed(WHERE, reference[: PLACE.size] + said, key))
    )


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
    return _hashed(kind, said, key)


def _hashed(kind: str, said: bytes, key: bytes, size: int = MAC_BYTES) -> bytes:
    """In a third of the time that HMAC takes."""
    mac = _keyed(kind, key, size).copy()
    mac.update(said)
    return mac.digest()


@functools.lru_cache(maxsize=32)
def _keyed(kind: str, key: bytes, size: int) -> "hashlib.blake2b":
    """The hash before anything is said: to take the key in is half of the work."""
    return hashlib.blake2b(key=key, person=kind.encode(), digest_size=size)


@functools.lru_cache(maxsize=16)
def link_key(key_id: int) -> bytes:
    """The secret of that number; the current one is made when it is first needed. Raises LinkKey.DoesNotExist."""
    if key_id == CURRENT_KEY:
        made = LinkKey(id=CURRENT_KEY, secret=secrets.token_bytes(32))
        LinkKey.objects.bulk_create([made], ignore_conflicts=True)
    return bytes(LinkKey.objects.get(id=key_id).secret)
