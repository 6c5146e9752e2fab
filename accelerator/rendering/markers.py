"""Marks the links and the ends of the body in a Template's HTML, and finds them in what the Template made of it.

A marker is plain letters and digits, harmless in HTML and in a URL. Neither the Template nor data can guess it: its
digits are drawn when the Template is compiled, and stand in no message. Letters of both cases stand
around them, so that whatever changes the case of a link is noticed.
"""

import functools
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from accelerator.anchors import Anchor

DIGITS = 10**20
BEFORE = "lK"
BEFORE_BYTES = BEFORE.encode()
AFTER_BEGIN, END, BODY_END = b"Zq", b"eZq", b"pZq"
# What stands behind the digits: at the beginning of a link, at its end, at the end of the body (in any case).
AFTER = re.compile(r"x(\d{1,7})(?P<begin>b?)Zq|(?P<end>eZq)|(?P<body_end>[pP][zZ][qQ])", re.ASCII)


CHANGED = (
    "it changes its links after they are written, so they would lead nowhere; look for a filter like upper or title"
    " around a link"
)


class Changed(Exception):
    """The markers do not stand there as they were written."""


class Link(NamedTuple):
    """A link as it was rendered, escaped for HTML; `bare`: it has no quotes."""

    number: int
    bare: bool
    href: str


@dataclass(slots=True)
class Found:
    """HTML without its markers, in UTF-8: the texts around its links, and where the body ends last: in which of the
    texts, and before which byte."""

    texts: list[bytes]
    links: list[Link]
    body_end: tuple[int, int] | None = None


def new_secret(source: str) -> str:
    """Digits that no filter makes into others, and that are not in the source."""
    while (secret := str(DIGITS + secrets.randbelow(DIGITS))) in source:
        pass
    return secret


def put(html: str, links: Sequence[Anchor], body_ends: Sequence[int], secret: str) -> Iterator[str]:
    """The HTML with a marker at both ends of each link, and at each end of the body; its lines stay what they were."""
    marks = [(end, BODY_END.decode()) for end in body_ends]
    for number, anchor in enumerate(links):
        begin = f"x{number}{'b' if anchor.bare else ''}{AFTER_BEGIN.decode()}"
        marks += [(anchor.start, begin), (anchor.end, END.decode())]
    at = 0
    for place, after in sorted(marks, key=itemgetter(0)):
        yield f"{html[at:place]}{BEFORE}{secret}{after}"
        at = place
    yield html[at:]


def find(html: bytes, secret: str, links: int) -> Found:
    """Take the markers out; what is inside of a link is text of it, another link too. Raises Changed."""
    return _usual(html, secret.encode(), links) or _any(html.decode(), secret, links)


def _usual(html: bytes, secret: bytes, links: int) -> Found | None:
    """As nearly all messages are: one link behind the other, and one end of the body behind them; None if it is not so.

    `_any` says the same of these, in a multiple of the time.
    """
    pieces = html.split(BEFORE_BYTES + secret)
    if html.count(secret) != len(pieces) - 1:
        return None
    found = Found(pieces[:1], [])
    for begin, end in zip(pieces[1::2], pieces[2::2], strict=False):
        link = _begun(begin, links)
        if link is None or not end.startswith(END):
            return None
        found.links.append(link)
        found.texts.append(end[len(END) :])
    if len(pieces) % 2 == 0:  # the end of the body
        if not pieces[-1].startswith(BODY_END):
            return None
        found.body_end = len(found.links), len(found.texts[-1])
        found.texts[-1] += pieces[-1][len(BODY_END) :]
    return found


# Most messages of a mailing have the same links.
@functools.lru_cache(maxsize=256)
def _begun(piece: bytes, links: int) -> Link | None:
    """A link, by what stands behind the digits of its first marker."""
    begin, _, href = piece.partition(AFTER_BEGIN)
    marker = AFTER.fullmatch(f"{begin.decode()}{AFTER_BEGIN.decode()}")
    if marker is None or marker.lastgroup != "begin" or int(marker[1]) >= links:
        return None
    return Link(int(marker[1]), marker["begin"] != "", href.decode())


def _any(html: str, secret: str, links: int) -> Found:
    texts: list[str] = [""]
    found: list[Link] = []
    body_end: tuple[int, int] | None = None
    text, *rest = html.split(secret)
    open_links: list[tuple[int, bool]] = []
    href = ""
    for piece in rest:
        marker = _after(text, piece)
        text = text[: -len(BEFORE)]
        if open_links:
            href += text
        else:
            texts[-1] += text
        match marker.lastgroup:
            case "begin":
                open_links.append((int(marker[1]), marker["begin"] != ""))
                if open_links[0][0] >= links:
                    raise Changed
            case "end":
                if not open_links:
                    raise Changed
                link = open_links.pop()
                if not open_links:
                    found.append(Link(*link, href))
                    texts.append("")
                    href = ""
            case _ if not open_links:
                body_end = len(found), len(texts[-1].encode())
        text = piece[marker.end() :]
    if open_links:
        raise Changed
    texts[-1] += text
    return Found([text.encode() for text in texts], found, body_end)


def _after(text: str, piece: str) -> re.Match[str]:
    """What stands behind a marker's digits, if what stands before them is right too."""
    marker = AFTER.match(piece)
    if marker is None:
        raise Changed
    if not text.endswith(BEFORE) and not (
        marker["body_end"] and text[-len(BEFORE) :].lower() == BEFORE.lower()
    ):
        raise Changed
    return marker
