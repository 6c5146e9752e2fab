"""Marks the links and the ends of the body in a Template's HTML, and finds them in what the Template made of it.

A marker is plain letters and digits, harmless in HTML and in a URL. Neither the Template nor data can guess it: its
digits are drawn when the Template is compiled, and never leave the process that renders. Letters of both cases stand
around them, so that whatever changes the case of a link is noticed.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from accelerator.anchors import Anchor

DIGITS = 10**20
BEFORE = "lK"
# What stands behind the digits: at the beginning of a link, at its end, at the end of the body (in any case).
AFTER = re.compile(r"x(\d{1,7})(?P<begin>b?)Zq|(?P<end>eZq)|(?P<body_end>[pP][zZ][qQ])", re.ASCII)


class Changed(Exception):
    """The markers do not stand there as they were written."""


@dataclass(slots=True)
class Link:
    """A link as it was rendered, escaped for HTML; `bare`: it has no quotes."""

    number: int
    bare: bool
    href: str = ""


@dataclass(slots=True)
class Found:
    """HTML in pieces without its markers, and the index of the piece behind the last end of its body."""

    pieces: list[str | Link]
    body_end: int | None = None


def new_secret(source: str) -> str:
    """Digits that no filter makes into others, and that are not in the source."""
    while (secret := str(DIGITS + secrets.randbelow(DIGITS))) in source:
        pass
    return secret


def put(html: str, links: Sequence[Anchor], body_ends: Sequence[int], secret: str) -> Iterator[str]:
    """The HTML with a marker at both ends of each link, and at each end of the body; its lines stay what they were."""
    marks = [(end, "pZq") for end in body_ends]
    for number, anchor in enumerate(links):
        marks += [(anchor.start, f"x{number}{'b' if anchor.bare else ''}Zq"), (anchor.end, "eZq")]
    at = 0
    for place, after in sorted(marks, key=itemgetter(0)):
        yield f"{html[at:place]}{BEFORE}{secret}{after}"
        at = place
    yield html[at:]


def find(html: str, secret: str, links: int) -> Found:
    """Take the markers out; what is inside of a link is text of it, another link too. Raises Changed."""
    found = Found([])
    text, *rest = html.split(secret)
    open_links: list[Link] = []
    for piece in rest:
        marker = _after(text, piece)
        text = text[: -len(BEFORE)]
        if open_links:
            open_links[0].href += text
        else:
            found.pieces.append(text)
        match marker.lastgroup:
            case "begin":
                open_links.append(Link(int(marker[1]), marker["begin"] != ""))
                if open_links[0].number >= links:
                    raise Changed
            case "end":
                if not open_links:
                    raise Changed
                link = open_links.pop()
                if not open_links:
                    found.pieces.append(link)
            case _ if not open_links:
                found.body_end = len(found.pieces)
        text = piece[marker.end() :]
    if open_links:
        raise Changed
    found.pieces.append(text)
    return found


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
