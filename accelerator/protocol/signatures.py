"""Signed requests: by a known key, for this method, path and body, at about this time."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from accelerator.protocol.batches import digest

# Seconds that a request's time may differ from the Cloud's clock before it is refused (and told the time).
CLOCK_TOLERANCE = 300

HEADER_KEY = "Accelerator-Key"
HEADER_TIME = "Accelerator-Time"
HEADER_NONCE = "Accelerator-Nonce"
HEADER_SIGNATURE = "Accelerator-Signature"


@dataclass(frozen=True)
class Key:
    """A signing key: its public id and its secret."""

    id: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> "Key":
        """From "id:secret"."""
        key_id, colon, secret = text.partition(":")
        if not (key_id and colon and secret):
            raise ValueError('a key is written "id:secret"')
        return cls(key_id, secret)


class SignatureInvalid(Exception):
    """A request that is not signed by a known key, or not for this method, path and body."""


class ClockSkewed(SignatureInvalid):
    """The request's time is too far from the Cloud's."""


def sign(
    key: Key, method: str, path: str, body: bytes, *, at: int, nonce: str | None = None
) -> dict[str, str]:
    """The headers that sign a request; `path` includes the query, `at` is in seconds since the epoch."""
    nonce = nonce or secrets.token_urlsafe(16)
    return {
        HEADER_KEY: key.id,
        HEADER_TIME: str(at),
        HEADER_NONCE: nonce,
        HEADER_SIGNATURE: _signature(key, method, path, body, at, nonce),
    }


def verify(
    keys: Mapping[str, Key], method: str, path: str, body: bytes, headers: Mapping[str, str], *, now: int
) -> str:
    """Check a request's signature and time; return its nonce, which the caller must refuse a second time."""
    key = keys.get(headers.get(HEADER_KEY, ""))
    nonce = headers.get(HEADER_NONCE, "")
    try:
        at = int(headers.get(HEADER_TIME, ""))
    except ValueError:
        raise SignatureInvalid("the request carries no time") from None
    if key is None or not nonce or len(nonce) > 64:
        raise SignatureInvalid("the request is not signed by a key this Cloud knows")
    expected = _signature(key, method, path, body, at, nonce)
    # As bytes: text that is not ASCII cannot be compared in constant time.
    if not hmac.compare_digest(expected.encode(), headers.get(HEADER_SIGNATURE, "").encode()):
        raise SignatureInvalid("the signature does not fit the request")
    # Only an authentic request is told how far its clock is off.
    if abs(now - at) > CLOCK_TOLERANCE:
        raise ClockSkewed("the request's time is too far from this Cloud's")
    return nonce


def _signature(key: Key, method: str, path: str, body: bytes, at: int, nonce: str) -> str:
    message = "\n".join([method.upper(), path, str(at), nonce, digest(body)])
    return hmac.new(key.secret.encode(), message.encode(), hashlib.sha256).hexdigest()
