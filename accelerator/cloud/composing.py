"""Builds the bytes of a message: the skeleton once per Mailing, the rest per recipient. Knows no database."""

import base64
import binascii
import hashlib
import re
import uuid
from dataclasses import dataclass
from email.utils import quote

from accelerator.protocol import Sender
from accelerator.rendering import Rendered

# Octets of a line without its end (RFC 5322, section 2.1.1), and where we fold headers.
LINE_LIMIT = 998
FOLD = 76
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
    name = hashlib.blake2b(address_key.encode(), key=skeleton.key.bytes, digest_size=18).hexdigest()
    return f"<{name}@{skeleton.domain}>"


def compose(
    skeleton: Skeleton,
    rendered: Rendered,
    *,
    to: str,
    message_id: str,
    unsubscribe_url: str,
    date: str,
    eight_bit: bool,
) -> bytes:
    """A whole message, lines ending in CRLF. `to` is a normal address; `eight_bit`: the server offers 8BITMIME."""
    own = (
        f"To: {to}\r\n{header('Subject', encoded(rendered.subject, len('Subject: ')))}\r\n"
        f"Date: {date}\r\nMessage-ID: {message_id}\r\n"
        f"List-Unsubscribe: <{unsubscribe_url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
    parts = [skeleton.head, own.encode()]
    for kind, text in (("plain", rendered.text), ("html", rendered.html)):
        if text.strip() or (kind == "plain" and not rendered.html.strip()):
            encoding, body = encoded_body(text, eight_bit=eight_bit)
            parts += [
                b"\r\n%b\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"
                % (skeleton.boundary, kind.encode(), encoding),
                body,
            ]
    parts.append(b"\r\n%b--\r\n" % skeleton.boundary)
    return b"".join(parts)


def encoded_body(text: str, *, eight_bit: bool) -> tuple[bytes, bytes]:
    """Content-Transfer-Encoding and bytes. Line ends become CRLF: a bare one may end a message early."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode()
    encoding = b"7bit" if data.isascii() else b"8bit"
    too_long = max(map(len, data.split(b"\n"))) > LINE_LIMIT
    if too_long or b"\0" in data or (encoding == b"8bit" and not eight_bit):
        encoding, data = b"quoted-printable", binascii.b2a_qp(data)
    return encoding, data.replace(b"\n", b"\r\n")


def header(name: str, value: str) -> str:
    """One header; `value` is folded and encoded already. A line break that begins no folding is a mistake."""
    if re.search(r"[\r\n]", value.replace("\r\n ", "")):
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
