"""The links of a campaign's message that lead back to its sender, and which of them may be visited at all.

The demo never touches the real Internet. A link is taken only if it begins as the one in List-Unsubscribe does, and
only if that one leads to this machine, or to the origin that was named at the start.
"""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

# The header may name several addresses (RFC 2369, section 3.2); the one to visit ends in /u/ and a token.
_UNSUBSCRIBE = re.compile(
    rb"^List-Unsubscribe:(?:[^\r\n<]|\r\n[ \t]|<mailto:[^\r\n>]*>)*<((https?://[\x21-;=?-\x7e]+?)/u/[\w.~-]+)>",
    re.IGNORECASE | re.MULTILINE,
)
# Words that stand in the header of a part that is encoded.
_ENCODINGS = (b"quoted-printable", b"base64")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Links:
    """Where the recipient of a message can act; `pixel` and `clicks` as far as its HTML has any."""

    unsubscribe: str
    pixel: str | None = None
    clicks: tuple[str, ...] = ()


def find(header: bytes, message: bytes, named: str = "") -> Links | None:
    """The links of a message that may be visited, in order; `named` is an `origin` that may be beside this machine.

    None if there are none, or if it is no campaign's message: it has no List-Unsubscribe header.
    """
    found = _UNSUBSCRIBE.search(header)
    if found is None or not _may_visit(found[2].decode(), named):
        return None
    urls = [match for body in _bodies(message) for match in _links(found[2]).findall(body)]
    pixels = [url.decode() for url, kind in urls if kind == b"o"]
    clicks = dict.fromkeys(url.decode() for url, kind in urls if kind == b"c")
    return Links(found[1].decode(), next(iter(pixels), None), tuple(clicks))


def origin(url: str) -> str:
    """Scheme, host and port of an address, always all three. Raises ValueError if it is none that can be visited."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    if parts.scheme not in _PORTS or not host or not port or "@" in parts.netloc:
        raise ValueError(f'"{url}" is no address of a server; write it https://links.example.com')
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


@lru_cache(maxsize=64)
def _may_visit(base: str, named: str) -> bool:
    try:
        if origin(base) == named:
            return True
        host = urlsplit(base).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _links(base: bytes) -> re.Pattern[bytes]:
    """Links in attributes of HTML. The pattern begins with what is always the same, because that is found fast."""
    base = re.escape(base)
    return re.compile(rb"(%b(?<=[\"']%b)/([oc])/[\w.~%%-]+)[\"']" % (base, base))


def _bodies(message: bytes) -> Iterator[bytes]:
    """The bytes to look through. Nothing is parsed unless something is encoded."""
    lower = message.lower()
    if not any(encoding in lower for encoding in _ENCODINGS):
        yield message
        return
    try:
        for part in email.message_from_bytes(message).walk():
            if part.get_content_type() == "text/html":
                body = part.get_payload(decode=True)
                yield body if isinstance(body, bytes) else b""
    except Exception:  # noqa: BLE001  the parser's errors for malformed mail are of many kinds
        return
