"""The links in mails: signed by the Cloud, open to everybody, valid for good."""

import base64
import binascii
import functools
import hmac
import logging
import secrets
import struct

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accelerator.cloud import suppressing
from accelerator.cloud.models import Intent, LinkKey

logger = logging.getLogger(__name__)

# Link key, batch, position. No address: links end up in logs and referrers.
REFERENCE = struct.Struct(">BQI")
MAC_BYTES = 16
CURRENT_KEY = 1

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}


class TokenInvalid(ValueError):
    """A link that this Cloud did not write."""


# --- links ----------------------------------------------------------------------------------------------


def unsubscribe_url(batch_pk: int, position: int) -> str:
    """The page where the recipient of this record unsubscribes; also the target of one click (RFC 8058)."""
    return f"{settings.CLOUD_PUBLIC_URL}/u/{token(batch_pk, position)}"


def token(batch_pk: int, position: int) -> str:
    """Names a recipient to us and nothing to anybody else."""
    reference = REFERENCE.pack(CURRENT_KEY, batch_pk, position)
    return base64.urlsafe_b64encode(reference + _mac(reference, link_key(CURRENT_KEY))).decode().rstrip("=")


def read_token(text: str) -> tuple[int, int]:
    """Batch and position. Raises TokenInvalid."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        reference, mac = data[: REFERENCE.size], data[REFERENCE.size :]
        key_id, batch_pk, position = REFERENCE.unpack(reference)
        key = link_key(key_id)
    except (UnicodeEncodeError, binascii.Error, struct.error, LinkKey.DoesNotExist):
        raise TokenInvalid from None
    if not hmac.compare_digest(mac, _mac(reference, key)):
        raise TokenInvalid
    return batch_pk, position


def _mac(reference: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"unsubscribe" + reference, "sha256")[:MAC_BYTES]


@functools.lru_cache(maxsize=16)
def link_key(key_id: int) -> bytes:
    """The secret of that number; the current one is made when it is first needed. Raises LinkKey.DoesNotExist."""
    if key_id == CURRENT_KEY:
        made = LinkKey(id=CURRENT_KEY, secret=secrets.token_bytes(32))
        LinkKey.objects.bulk_create([made], ignore_conflicts=True)
    return bytes(LinkKey.objects.get(id=key_id).secret)


# --- pages ----------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button; only its POST, or a mail program's, unsubscribes (RFC 8058, section 3.2).

    No cookie, no login, no CSRF token: the link itself is what proves who asks.
    """
    try:
        batch_pk, position = read_token(token)
        intent = Intent.objects.filter(batch_id=batch_pk, position=position).only("address_key").first()
        if intent is None or intent.address_key is None:
            raise TokenInvalid
        if request.method == "POST":
            suppressing.add([intent.address_key], reason="unsubscribed")
            logger.info("unsubscribed by link, batch %s position %s", batch_pk, position)
    except TokenInvalid:
        return _page(request, "unknown", status=404)
    except DatabaseError:
        # Nothing is promised that was not recorded; mail programs try again.
        logger.exception("an unsubscribe could not be recorded")
        return _page(request, "later", status=503)
    return _page(request, "done" if request.method == "POST" else "ask")


def _page(request: HttpRequest, what: str, status: int = 200) -> HttpResponse:
    response = render(request, "cloud/unsubscribe.html", {"what": what}, status=status)
    for name, value in PAGE_HEADERS.items():
        response[name] = value
    if status == 503:
        response["Retry-After"] = "60"
    return response
