"""What stands for an address key once its mailing's time is over: a keyed digest of it, that only this Cloud can make.

Whoever has an address can find its digest and nobody the other way round: a link in an old mail still leads to the
suppression of an address that is not kept any more.
"""

import hashlib
from collections.abc import Iterable

from accelerator.cloud import links
from accelerator.cloud.models import Intent

DIGEST_BYTES = 20
# Of the secrets, always this one: what was sealed with it must be found for ever, whichever links are made with now.
SEAL_KEY = 1


def seal(key: str) -> str:
    """The digest of an address key; always the same. What is sealed already stays as it is."""
    if Intent.is_seal(key):
        return key
    secret = links.link_key(SEAL_KEY)
    return hashlib.blake2b(key.encode(), key=secret, person=b"address", digest_size=DIGEST_BYTES).hexdigest()


def both(keys: Iterable[str]) -> dict[str, str]:
    """Whatever may stand for these address keys, and for which of them."""
    return {form: key for key in keys for form in (seal(key), key)}
