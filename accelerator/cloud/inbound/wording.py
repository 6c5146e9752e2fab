"""What stands in a line about a message that was lost: codes, words, addresses."""

import re
from dataclasses import dataclass

REPLY = 500  # characters of a reply that are kept

ENHANCED_CODE = r"[45]\.\d{1,3}\.\d{1,3}(?!\.?\w)"  # RFC 3463, section 2; four numbers are an IP address
# A code at the beginning of a line, or of what somebody is said to have said: `550 5.1.1`, `550-5.1.1`, `(#5.1.1)`.
CODE = re.compile(
    rf"(?:^|[:;'\"(])[ \t]*\#?(?:([45]\d\d)(?:[ \t-]+\#?({ENHANCED_CODE}))?(?![\w.])|({ENHANCED_CODE}))",
    re.MULTILINE,
)
STATUS = re.compile(r"(?<![\w.])([45])[ \t]*\.[ \t]*(\d{1,3})[ \t]*\.[ \t]*(\d{1,3})(?![\w.])")
TYPED = re.compile(r"\A[ \t]*[\w.-]+[ \t]*;")  # `smtp;`, `rfc822;`: RFC 3464, section 2.1.2
BEFORE_WORDS = re.compile(r"\A[ :;,.)\]-]+")
# How Exchange repeats what another server said.
RETURNED = re.compile(r"\bserver returned '([^\n]{1,1000})'", re.IGNORECASE)

# Bounded, so that a line without an @ is not searched again from each of its characters.
ADDRESS = (
    r"""(?:"[^"\n]{1,64}"|(?!')[^\s<>()\[\],;:"@]{1,64})@[^\s<>()\[\],;:"'@]{1,254}[^\s<>()\[\],;:"'@.]"""
)
BARE, ANGLED = re.compile(ADDRESS), re.compile(f"<({ADDRESS})>")
XTEXT = re.compile(r"\+(2B|3D)")  # RFC 3461, section 4: the two characters that are always written so
EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")  # RFC 6533, section 3


@dataclass(frozen=True)
class Told:
    """The enhanced and the basic code in words of a server ("" where it said none), and the rest in one line."""

    enhanced: str = ""
    basic: str = ""
    words: str = ""

    @property
    def code(self) -> str:
        return self.enhanced or self.basic


def told(said: str) -> Told:
    """What the first code in a text says, and the words behind it, or before it if there are none."""
    if inner := RETURNED.search(said):
        said = inner.group(1)
    found = CODE.search(said)
    if found is None:
        return Told(words=one_line(said))
    basic, enhanced = found.group(1) or "", found.group(2) or found.group(3) or ""
    words = said[found.end() :]
    if basic and said.startswith("-", found.end(1)):
        # RFC 5321, section 4.2.1: each line of a reply begins with its code. Nobody may know where the lines ended.
        words = re.sub(rf"\s{basic}[ -](?:{re.escape(enhanced)}(?![\w.]))?", " ", words)
    return Told(enhanced, basic, one_line(words) or one_line(said[: found.start()]))


def diagnosis(diagnostic: str) -> Told:
    """What a Diagnostic-Code says (RFC 3464, section 2.3.6)."""
    return told(TYPED.sub("", diagnostic))


def status(value: str) -> str:
    """The code of a Status, without the comments and blanks that RFC 3464, section 2.3.4 and old habits allow."""
    found = STATUS.search(value)
    return ".".join(found.groups()) if found else ""


def one_line(words: str) -> str:
    """Printable, in one line, without the marks that stood behind a code."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return BEFORE_WORDS.sub("", line)[:REPLY]


def addresses(value: str) -> list[str]:
    """The addresses in a field: those in angle brackets, if any are; names may look like addresses."""
    found = ANGLED.findall(value) or BARE.findall(value)
    return [address for address in found if address.isprintable()]


def recipient(value: str, *, xtext: bool = False) -> list[str]:
    """The address behind its type (RFC 3464, section 2.3.2; `utf-8;` RFC 6533, section 3), if there is one."""
    address = EMBEDDED.sub(_embedded, TYPED.sub("", value))
    if xtext:
        address = XTEXT.sub(lambda found: chr(int(found.group(1), 16)), address)
    return addresses(address)[:1]


def _embedded(found: re.Match[str]) -> str:
    number = int(found.group(1), 16)
    return chr(number) if number <= 0x10FFFF else ""
