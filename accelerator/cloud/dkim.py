"""Signs messages as their domain's own (RFC 6376), with RSA and Ed25519 (RFC 8463).

A key is a file in the folder DKIM_KEYS, named like the record that publishes it: shop1._domainkey.shop.example.pem.
Of several keys for a domain each makes a signature. Who sends from a domain without a key of its own is signed for by
the nearest domain above it. A key that can't be used is an error: nothing goes out unsigned by mistake.
"""

import base64
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.conf import settings

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

# What is signed. Those that stand twice can't be added a second time by somebody else; RFC 8058 wants the two of lists.
SIGNED = (
    *("from", "from", "to", "to", "subject", "subject"),
    *("date", "message-id", "reply-to", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
# Bits of an RSA key: fewer are refused by who receives (RFC 8301), more do not fit what all of them read.
LEAST_BITS, MOST_BITS = 1024, 4096
NEW_BITS = 2048
# Characters of one string in a TXT record, and of a line of a header.
STRING, LINE = 255, 72

NAME = re.compile(r"(?P<selector>[a-z0-9-]+(?:\.[a-z0-9-]+)*)\._domainkey\.(?P<domain>[a-z0-9.-]+)\.pem")


class KeyUnusable(Exception):
    """A file in DKIM_KEYS is no key that mail can be signed with; the text says which and what to do."""


@dataclass(frozen=True)
class Signer:
    """One key of a domain."""

    domain: str
    selector: str
    kind: str  # rsa or ed25519
    bits: int
    sign: Callable[[bytes], bytes]
    published: str  # the text of its record

    @property
    def record(self) -> str:
        """The name under which the record is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def line(self) -> str:
        """The record as a line of a zone."""
        strings = [f'"{self.published[at : at + STRING]}"' for at in range(0, len(self.published), STRING)]
        return f"{self.record}. IN TXT {' '.join(strings)}"


# --- keys -------------------------------------------------------------------------------------------------


def signers() -> list[Signer]:
    """All keys there are. Raises KeyUnusable."""
    folder = settings.DKIM_KEYS
    if not folder:
        return []
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.suffix == ".pem")
    except OSError as error:
        raise KeyUnusable(f"The folder of DKIM_KEYS can't be read ({error.strerror})") from error
    if not files:
        raise KeyUnusable("The folder of DKIM_KEYS holds no key")
    return [_read(path) for path in files]


def of(domain: str) -> tuple[Signer, ...]:
    """The keys that sign for a sending domain: its own, or those of the nearest domain above. Raises KeyUnusable."""
    known = signers()
    domain = domain.lower()
    while "." in domain:
        if found := tuple(signer for signer in known if signer.domain == domain):
            return found
        domain = domain.partition(".")[2]
    return ()


def make(domain: str, selector: str, kind: str) -> Signer:
    """A new key, for its owner's eyes alone. Raises FileExistsError, OSError."""
    path = Path(settings.DKIM_KEYS) / f"{selector}._domainkey.{domain}.pem"
    key: PrivateKey = (
        Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, NEW_BITS)
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    return _read(path)


def _read(path: Path) -> Signer:
    named = NAME.fullmatch(path.name)
    if named is None:
        raise KeyUnusable(
            f"{path.name} in DKIM_KEYS is not named like a record: selector._domainkey.domain.pem, in small letters"
        )
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{path.name} in DKIM_KEYS can't be read as a private key") from error
    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes_raw()
        return _signer(named, "ed25519", 256, _by_ed25519(key), public)
    if not isinstance(key, RSAPrivateKey):
        raise KeyUnusable(f"{path.name} in DKIM_KEYS is no RSA or Ed25519 key")
    if not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise KeyUnusable(
            f"{path.name} in DKIM_KEYS has {key.key_size} bits; receivers take {LEAST_BITS} to {MOST_BITS}"
        )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _signer(named, "rsa", key.key_size, _by_rsa(key), public)


def _signer(
    named: re.Match[str], kind: str, bits: int, sign: Callable[[bytes], bytes], public: bytes
) -> Signer:
    published = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
    return Signer(named["domain"], named["selector"], kind, bits, sign, published)


def _by_rsa(key: RSAPrivateKey) -> Callable[[bytes], bytes]:
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _by_ed25519(key: Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    # The hash is what is signed (RFC 8463, section 3).
    return lambda data: key.sign(hashlib.sha256(data).digest())


# --- signatures -------------------------------------------------------------------------------------------


def signed(message: bytes, by: Sequence[Signer]) -> bytes:
    """The message, lines ending in CRLF, with a signature of each key in front."""
    if not by:
        return message
    head, _, body = message.partition(b"\r\n\r\n")
    headers = _canonical_headers(head)
    digest = base64.b64encode(hashlib.sha256(_canonical_body(body)).digest()).decode()
    return b"".join(_signature(signer, headers, digest) for signer in by) + message


def _signature(signer: Signer, headers: bytes, digest: str) -> bytes:
    tags = (
        f"v=1; a={signer.kind}-sha256; c=relaxed/relaxed; d={signer.domain}; s={signer.selector};",
        f"h={':'.join(SIGNED[:6])}:",
        f"{':'.join(SIGNED[6:])};",
        f"bh={digest};",
        "b=",
    )
    data = headers + f"dkim-signature:{' '.join(tags)}".encode()
    value = base64.b64encode(signer.sign(data)).decode()
    lines = [
        *tags[:-1],
        f"b={value[:LINE]}",
        *(value[at : at + LINE] for at in range(LINE, len(value), LINE)),
    ]
    return b"DKIM-Signature: %b\r\n" % "\r\n ".join(lines).encode()


def _canonical_headers(head: bytes) -> bytes:
    """Those that are signed, in their order, as RFC 6376, section 3.4.2, has them; of two of a name the last first."""
    found: dict[str, list[bytes]] = {}
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in _narrow(unfolded).split(b"\r\n"):
        name, _, value = line.partition(b":")
        lowered = name.strip().lower()
        found.setdefault(lowered.decode("ascii", "replace"), []).append(
            b"%b:%b\r\n" % (lowered, value.strip(b" "))
        )
    return b"".join(found[name].pop() for name in SIGNED if found.get(name))


def _canonical_body(body: bytes) -> bytes:
    """As RFC 6376, section 3.4.4, has it: no space at the end of a line, one for several, no empty lines at the end."""
    body = _narrow(body).replace(b" \r\n", b"\r\n")
    if body.endswith(b" "):
        body = body[:-1]
    body = body[: _trailing(body)]
    return body + b"\r\n" if body else b""


def _narrow(text: bytes) -> bytes:
    """One space for any number of spaces and tabs."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _trailing(body: bytes) -> int:
    """Where its empty lines at the end begin."""
    end = len(body)
    while body[max(end - 2, 0) : end] == b"\r\n":
        end -= 2
    return end
