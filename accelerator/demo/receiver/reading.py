"""A message's bytes as a person reads them: sender, subject, a line of preview, HTML, text and headers."""

import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from functools import lru_cache
from html.parser import HTMLParser

PREVIEW = 160

_PARSER = BytesParser(policy=email.policy.default)
# Fillers that senders put behind a preheader so that nothing else shows in the preview.
_FILLERS = re.compile(r"[\s\u00ad\u034f\u061c\u200b-\u200f\u2007\u2060\ufeff]+")


@dataclass(frozen=True)
class Reading:
    """A message taken apart. `html` is None where there is no such part."""

    sender_name: str
    sender_address: str
    to: str
    subject: str
    preview: str
    html: str | None
    text: str
    headers: tuple[tuple[str, str], ...]


@lru_cache(maxsize=256)
def read(raw: bytes) -> Reading:
    """Take a message apart. Mail from outside may be malformed in any way: then its source is the text."""
    source = raw.decode("utf-8", "replace")
    try:
        return _read(_PARSER.parsebytes(raw))
    except Exception:  # noqa: BLE001  the parser's errors for malformed mail are of many kinds
        return Reading("", "", "", "(cannot be read)", _line(source), None, source, ())


def _read(message: EmailMessage) -> Reading:
    name, address = parseaddr(str(message.get("From", "")))
    html, text = _part(message, "html"), _part(message, "plain")
    return Reading(
        sender_name=name or address,
        sender_address=address,
        to=str(message.get("To", "")),
        subject=str(message.get("Subject", "")).strip(),
        preview=_line(_visible(html) if html is not None else text or ""),
        html=html,
        text=text if text is not None else _visible(html or ""),
        headers=tuple((name, str(value)) for name, value in message.items()),
    )


def _part(message: EmailMessage, subtype: str) -> str | None:
    part = message.get_body(preferencelist=(subtype,))
    return str(part.get_content()) if part is not None else None


def _line(text: str) -> str:
    return _FILLERS.sub(" ", text[: PREVIEW * 10]).strip()[:PREVIEW]


def _visible(html: str) -> str:
    collector = _Text()
    collector.feed(html)
    collector.close()
    return "".join(collector.pieces)


class _Text(HTMLParser):
    """The text of a page, without what is not shown."""

    HIDDEN = frozenset({"style", "script", "title", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._hidden += tag in self.HIDDEN

    def handle_endtag(self, tag: str) -> None:
        if tag in self.HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)
