"""Who may talk to the Cloud: every request of the API is signed, fits the clock, and is heard once."""

import time
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.http import HttpRequest

from accelerator import protocol
from accelerator.cloud.models import SeenNonce

# By the clock a request could pass for ten minutes; nonces outlive it by as much as a clock may be set back.
NONCE_LIFE = timedelta(days=2)
# Nonces that one sweep drops at most.
PORTION = 5_000


class Replayed(protocol.SignatureInvalid):
    """The request was heard before."""


def authenticate(request: HttpRequest) -> str:
    """The id of the key that signed the request. Raises protocol.SignatureInvalid or one of its kinds."""
    nonce = protocol.verify(
        settings.CLOUD_KEYS,
        request.method or "",
        request.get_full_path(),
        request.body,
        request.headers,
        now=int(time.time()),
    )
    key_id = request.headers[protocol.HEADER_KEY]
    if not remember(key_id, nonce, int(request.headers[protocol.HEADER_TIME])):
        raise Replayed("this request was received before; sign it again to repeat it")
    return key_id


def remember(key_id: str, nonce: str, signed_at: int) -> bool:
    """Store the nonce; False if it is there already. The insert decides, so two copies at once cannot both pass.

    Under the later one of now and the time it was signed for (seconds since the epoch): a request that passed while the
    clock was ahead could pass again when that time comes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cloud_seennonce (key_id, nonce, seen_at) VALUES (%s, %s, greatest(now(), to_timestamp(%s)))"
            " ON CONFLICT DO NOTHING",
            [key_id, nonce, signed_at],
        )
        return bool(cursor.rowcount == 1)


def forget_old_nonces() -> None:
    """Drop some nonces of requests that are refused by their time by now; the oldest first."""
    old = SeenNonce.objects.filter(seen_at__lt=Now() - NONCE_LIFE).order_by("seen_at")
    SeenNonce.objects.filter(pk__in=old.values("pk")[:PORTION]).delete()
