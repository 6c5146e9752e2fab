"""Takes a mail apart that anybody may have written. Never raises, and needs time in proportion to its length.

The standard library's parser recurses as deep as a mail nests, raises on some headers, and takes what stands in a
message/global-delivery-status for a message. Here all that is read has a limit.
"""

import binascii
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

MAIL = 4_000_000  # bytes that are read; what says why a mail came back stands at its beginning
HEADER = 200_000  # bytes of one header
VALUE = 10_000  # characters of one field; a Content-Type's parameters are sought in so many, too
PARTS = 300  # of one mail, in all
DEPTH = 6  # multiparts within each other

# RFC 5322, section 2.2: printable ASCII but no colon; blanks before the colon are obsolete, and still seen.
FIELD = re.compile(r"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
FOLD = re.compile(r"\n[ \t]+")
PARAMETER = re.compile(r';[ \t]*([\w-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;()]*))')
TYPE = re.compile(r"[ \t]*([\w.+-]+/[\w.+-]+)")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")

# Of Python's many codecs some are slow, or no charsets: those that mail is written in, ASCII and UTF-8 aside.
CHARSET = re.compile(
    r"(iso-8859|windows|koi8)-\w{1,4}|iso-2022-(jp|kr)|gb2312|gbk|gb18030|big5|shift_jis|euc-(jp|kr)"
)

Fields = dict[str, list[str]]


@dataclass(frozen=True)
class Part:
    """A mail, or a part of one: its header as text and by names in small letters, its body as it stood there."""

    header: str = ""
    body: bytes = field(default=b"", repr=False)

    @cached_property
    def fields(self) -> Fields:
        return fields(self.header)

    def first(self, name: str) -> str:
        """The first field of that name; "" if there is none."""
        return self.fields.get(name, [""])[0]

    @cached_property
    def type(self) -> str:
        found = TYPE.match(self.first("content-type"))
        return found.group(1).lower() if found else "text/plain"

    def parameter(self, name: str) -> str:
        """A parameter of the Content-Type."""
        for key, quoted, bare in PARAMETER.findall(self.first("content-type")):
            if key.lower() == name:
                return re.sub(r"\\(.)", r"\1", quoted) or bare
        return ""

    @cached_property
    def content(self) -> bytes:
        """The body, decoded from base64 or quoted-printable as far as it goes."""
        encoding = self.first("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            digits = NOT_BASE64.sub(b"", self.body)
            digits = digits[: len(digits) - (len(digits) % 4 == 1)]
            return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
        return binascii.a2b_qp(self.body) if encoding == "quoted-printable" else self.body

    @property
    def text(self) -> str:
        """What it says, if it is a text."""
        return text(self.content, self.parameter("charset").lower())

    def parts(self) -> Iterator["Part"]:
        """Of a multipart its parts, the last one also if its end is missing; of all else none."""
        boundary = self.parameter("boundary").encode()
        if not (self.type.startswith("multipart/") and boundary):
            return
        start = None
        for line in re.finditer(rb"^--%b(--)?[ \t]*$\n?" % re.escape(boundary), self.body, re.MULTILINE):
            if start is not None:
                yield part(self.body[start : line.start()])
            start = line.end()
            if line.group(1):
                return
        if start is not None:
            yield part(self.body[start:])

    def walk(self) -> Iterator["Part"]:
        """The part and those inside of it, from the first to the last. What a message within it holds is its own."""
        yield from itertools.islice(_walk(self, DEPTH), PARTS)

    def message(self) -> "Part":
        """The message that a message/rfc822 holds, or the header that a text/rfc822-headers does."""
        return mail(self.content)


def mail(data: bytes) -> Part:
    """A whole mail, whatever its line ends are."""
    return part(lines(data[:MAIL]).lstrip(b"\n"))


def lines(data: bytes) -> bytes:
    """Its lines end in line feeds. Mails that passed through many hands also have CR CR LF."""
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def part(data: bytes) -> Part:
    """A header, an empty line and a body, of lines that end in line feeds."""
    if data.startswith(b"\n"):
        return Part("", data[1:])
    header, _, body = data.partition(b"\n\n")
    return Part(text(header[:HEADER]), body)


def fields(header: str) -> Fields:
    """Names in small letters and values, unfolded. A line that is no field is left out."""
    found: Fields = {}
    for line in FOLD.sub(" ", header).split("\n"):
        if match := FIELD.match(line[:VALUE]):
            found.setdefault(match.group(1).lower(), []).append(match.group(2).strip())
    return found


def text(data: bytes, charset: str = "") -> str:
    """Characters without NUL, which no database takes; what is wrong in UTF-8 is replaced."""
    if CHARSET.fullmatch(charset):
        with suppress(LookupError):
            return data.decode(charset, "replace").replace("\0", "")
    return data.decode("utf-8", "replace").replace("\0", "")


def _walk(within: Part, depth: int) -> Iterator[Part]:
    yield within
    if depth:
        for one in within.parts():
            yield from _walk(one, depth - 1)
