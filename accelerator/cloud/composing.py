"""Builds the bytes of a message: the skeleton once per Mailing, the rest per recipient. Knows no database."""

import base64
import binascii
import hashlib
import uuid
from dataclasses import dataclass
from email.utils import quote

from accelerator.protocol import Sender
from accelerator.rendering import Rendered

# Octets of a line without its end (RFC 5322, section 2.1.1), and where we fold headers.
LINE_LIMIT = 998
FOLD = 76
# First bytes in UTF-8 of blanks.
BLANKS = frozenset(blank.encode()[0] for blank in "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\u1680\u2000\u3000")
# Octets of text in one encoded word: 60 characters of base64, 72 with what stands around them (RFC 2047).
WORD = 45


@dataclass(frozen=True)
class Skeleton:
    """What all messages of a mailing share."""

    key: uuid.UUID
    head: bytes
    boundary: bytes
    domain: str


def compile_skeleton(key: uuid.UUID, sender: Sender, secret: bytes) -> Skeleton:
    """`secret` makes the boundary one that no recipient's data can contain on purpose."""
    boundary = hashlib.blake2b(key.bytes, key=secret, digest_size=18).hexdigest()
    lines = [header("From", _mailbox(sender.from_name, sender.from_address))]
    if sender.reply_to:
        lines.append(f"Reply-To: {sender.reply_to}")
    lines += ["MIME-Version: 1.0", f'Content-Type: multipart/alternative; boundary="{boundary}"']
    return Skeleton(
        key=key,
        head="\r\n".join(lines).encode("ascii") + b"\r\n",
        boundary=b"--" + boundary.encode(),
        domain=sender.from_address.rpartition("@")[2].lower(),
    )


def message_id(skeleton: Skeleton, address_key: str) -> str:
    """The same for the same recipient of the same mailing, whoever composes it and however often."""
    return f"<{message_name(skeleton.key, address_key)}@{skeleton.domain}>"


def message_name(key: uuid.UUID, address_key: str) -> str:
    """The left side of a Message-ID. Nobody makes it who does not know the mailing's key."""
    return hashlib.blake2b(address_key.encode(), key=key.bytes, digest_size=18).hexdigest()


def compose(
    skeleton: Skeleton,
    rendered: Rendered,
    *,
    to: str,
    message_id: str,
    unsubscribe_url: str,
    date: str,
    eight_bit: bool,
    unsubscribe_at: str = "",
) -> bytes:
    """A whole message, lines ending in CRLF. `to` is a normal address, `unsubscribe_at` one or empty; `eight_bit`: the
    server offers 8BITMIME.
    """
    by_mail = f", <mailto:{unsubscribe_at}>" if unsubscribe_at else ""
    own = (
        f"To: {to}\r\n{header('Subject', encoded(rendered.subject, len('Subject: ')))}\r\n"
        f"Date: {date}\r\nMessage-ID: {message_id}\r\n"
        f"List-Unsubscribe: <{unsubscribe_url}>{by_mail}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
    parts = [skeleton.head, own.encode()]
    text, html = rendered.text_bytes, rendered.html_bytes
    has_html = not _is_blank(html)
    if not (has_html and _is_blank(text)):
        parts += _part(skeleton, b"plain", text, eight_bit=eight_bit)
    if has_html:
        parts += _part(skeleton, b"html", html, eight_bit=eight_bit)
    parts.append(b"\r\n%b--\r\n" % skeleton.boundary)
    return b"".join(parts)


def _is_blank(text: bytes) -> bool:
    return not text or (text[0] in BLANKS and not text.decode().strip())


def _part(skeleton: Skeleton, kind: bytes, text: bytes, *, eight_bit: bool) -> tuple[bytes, bytes]:
    encoding, body = encoded_body(text, eight_bit=eight_bit)
    head = b"\r\n%b\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n" % (
        skeleton.boundary,
        kind,
        encoding,
    )
    return head, body


def encoded_body(text: bytes, *, eight_bit: bool) -> tuple[bytes, bytes]:
    """Content-Transfer-Encoding and bytes of UTF-8. Line ends become CRLF: a bare one may end a message early."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoding = b"7bit" if text.isascii() else b"8bit"
    if _has_long_lines(text) or b"\0" in text or (encoding == b"8bit" and not eight_bit):
        encoding, text = b"quoted-printable", binascii.b2a_qp(text)
    return encoding, text.replace(b"\n", b"\r\n")


def _has_long_lines(text: bytes) -> bool:
    """From line end to line end, as far apart as they may be: most lie nearer, and are not looked at."""
    at = 0
    while len(text) - at > LINE_LIMIT:
        end = text.rfind(b"\n", at, at + LINE_LIMIT + 1)
        if end < 0:
            return True
        at = end + 1
    return False


def header(name: str, value: str) -> str:
    """One header; `value` is folded and encoded already. A line break that begins no folding is a mistake."""
    unfolded = value.replace("\r\n ", "")
    if "\r" in unfolded or "\n" in unfolded:
        raise ValueError(f"a line break in {name}")
    return f"{name}: {value}"


def encoded(text: str, taken: int) -> str:
    """Unstructured text for a header, folded; as encoded words where it has to be (RFC 2047)."""
    if text.isascii() and text.isprintable() and "=?" not in text:
        if taken + len(text) <= FOLD:
            return text
        lines = _folded(text.split(" "), taken)
        if max(map(len, lines)) <= LINE_LIMIT:
            return "\r\n ".join(lines)
    data = text.encode()
    words: list[str] = []
    while data:
        # The first one shares its line with the name of the header.
        end = min(WORD if words else (FOLD - taken - 12) // 4 * 3, len(data))
        # Never through a character: an encoded word is decoded on its own.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{base64.b64encode(data[:end]).decode()}?=")
        data = data[end:]
    return "\r\n ".join(words)


def _folded(words: list[str], taken: int) -> list[str]:
    lines, room = [words[0]], FOLD - taken - len(words[0])
    for word in words[1:]:
        if room > len(word):
            lines[-1] += f" {word}"
            room -= len(word) + 1
        else:
            lines.append(word)
            room = FOLD - len(word)
    return lines


def _mailbox(name: str, address: str) -> str:
    name = " ".join(name.split())
    if not name:
        return address
    # Programs decode what looks like an encoded word in quotes too, where it is none (RFC 2047, section 5).
    if name.isascii() and name.isprintable() and "=?" not in name:
        return f'"{quote(name)}" <{address}>'
    return f"{encoded(name, len('From: '))}\r\n <{address}>"
