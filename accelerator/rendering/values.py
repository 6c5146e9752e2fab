"""What goes into a Template and what comes out of it: values, messages, and the errors with their sentences."""

import datetime
import decimal
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelerator.rendering import decimals

# Names that every template has beside the record's columns.
SUPPLEMENTAL = "supplemental"
BUILT_IN = frozenset({SUPPLEMENTAL, "unsubscribe_url"})

PARTS = ("subject", "html", "text")

# What to write for the link of that number (an index of Compiled.links), given the URL that it leads to.
Link = Callable[[int, str], str]


class TemplateInvalid(Exception):
    """The Template does not compile; nobody could be sent it. `part` and `line` say where."""

    def __init__(self, part: str, line: int | None, message: str) -> None:
        self.part, self.line, self.message = part, line, message
        super().__init__(f"The {part} of the template does not compile{_at(line)}: {message}")


class RenderError(Exception):
    """The Template failed for one record. `part` and `line` say where."""

    def __init__(self, part: str, line: int | None, message: str) -> None:
        self.part, self.line, self.message = part, line, message
        super().__init__(f"The {part} of the template failed{_at(line)}: {message}")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A record's message: subject on one line, HTML and text in UTF-8, as whoever sends them wants them."""

    subject: str
    html_bytes: bytes
    text_bytes: bytes

    @classmethod
    def of(cls, subject: str, html: str, text: str) -> "Rendered":
        return cls(subject, html.encode(), text.encode())

    @property
    def html(self) -> str:
        return self.html_bytes.decode()

    @property
    def text(self) -> str:
        return self.text_bytes.decode()


@dataclass(frozen=True)
class Message:
    """What one message is made of, beside what all recipients share.

    `record` is column name to value. `link` is asked what to write instead of each link of the HTML;
    `open_pixel_url` is the source of an image at the end of it that nobody sees, and `trap_url` where a link leads that
    nobody sees either, and only machines follow.
    """

    record: Mapping[str, object]
    unsubscribe_url: str
    link: Link | None = None
    open_pixel_url: str = ""
    trap_url: str = ""


@dataclass(frozen=True)
class Frozen:
    """A document for all recipients, written down once."""

    encoded: bytes


def frozen(document: Mapping[str, object] | Frozen) -> Frozen:
    """The document for all recipients: a Template can't change it for the next one. Freeze it once, it stays so."""
    return (
        document
        if isinstance(document, Frozen)
        else Frozen(json.dumps(dict(document), default=plain).encode())
    )


def plain(value: object) -> object:
    """The value as a template may see it: JSON's kinds, so that no Python object can be reached from a template."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, decimal.Decimal):
        return decimals.written_down(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")  # a fraction of a second only where there is one
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _at(line: int | None) -> str:
    return f" at line {line}" if line else ""
