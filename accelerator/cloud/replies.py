"""What a mail server's replies mean: the one place where a reply becomes a verdict, and a bounce gets its category."""

import re
from dataclasses import dataclass
from enum import Enum

# At the beginning of the words, as RFC 2034 has it; some put an address or a sign before it.
ENHANCED = re.compile(
    r"(?:<[^<>\s]{1,320}>:? *)?[#(\[]?([245]\.\d{1,3}\.\d{1,3})\b(?!\.\d)[)\]:]?[ ]*(.*)", re.DOTALL
)


class Verdict(Enum):
    """What became of a message."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"  # the dot may have arrived, the answer did not
    BUSY = "busy"  # the server sent us away: the message is untouched
    CUT = "cut"  # the line broke before the dot: the message is untouched
    REFUSED = "refused"  # the server refuses whoever sends, not who receives
    AWAY = "away"  # nobody takes messages now, whoever they are for: the message is untouched


# Stage, how the reply's code begins, verdict; the first line that fits counts. "" is any stage or any code.
CLASSIFICATION = (
    ("", "421", Verdict.BUSY),  # RFC 5321, section 3.8: to any command, and never an acceptance
    ("dot", "2", Verdict.DELIVERED),
    ("dot", "4", Verdict.DEFERRED),
    ("dot", "5", Verdict.BOUNCED),
    ("dot", "", Verdict.UNKNOWN),
    ("rcpt", "4", Verdict.DEFERRED),
    ("rcpt", "5", Verdict.BOUNCED),
    ("data", "4", Verdict.DEFERRED),
    ("data", "5", Verdict.BOUNCED),
    ("mail", "4", Verdict.BUSY),
    ("mail", "5", Verdict.REFUSED),
    # With SMTPUTF8: it may be the name in another script that goes no further (RFC 6531, section 3.5).
    ("mail utf8", "4", Verdict.BUSY),
    ("mail utf8", "5", Verdict.BOUNCED),
    ("setup", "5", Verdict.REFUSED),
    ("setup", "", Verdict.BUSY),
    ("", "", Verdict.CUT),
)


@dataclass(frozen=True)
class Reply:
    """A server's reply: code, text in one line."""

    code: int
    text: str


@dataclass(frozen=True)
class Result:
    """What became of one message: the SMTP or enhanced code (RFC 3463), the reply in words."""

    verdict: Verdict
    code: str = ""
    reply: str = ""


def classify(stage: str, reply: Reply) -> Result:
    """The verdict on a reply at a stage: setup, rset, mail, mail utf8, rcpt, data or dot."""
    code = str(reply.code)
    verdict = next(v for at, start, v in CLASSIFICATION if at in ("", stage) and code.startswith(start))
    enhanced = ENHANCED.match(reply.text)
    if enhanced and enhanced.group(1)[0] == code[0]:
        return Result(verdict, *enhanced.groups())
    return Result(verdict, code, reply.text)


# --- bounces --------------------------------------------------------------------------------------------

# Where the words begin that `delivering` puts before the reply to a message's last attempt.
GIVEN_UP = "given up: "

# Words by which a server refuses us or what we say, whatever its code: nothing is known of the recipient then.
ABOUT_US = (
    r"\b(sender|sending|helo|ehlo|client host|spf|dkim|dmarc|r?dns|ptr|reputation|policy|policies|spam\w*|virus|content"
    r"|url|uribl|\w*bl\b|block(ed|list\w*)|black ?list\w*|banned|denied|throttl\w*|rate|too many|un?authenticat\w*"
    r"|not (permitted|allowed)|accept (delivery|mail)|unable to relay)\b"
)
# Words by which it says that nobody is there. "Mailbox unavailable" is not among them: RFC 5321 has it for policy too.
NOBODY_THERE = (
    r"no such (user|mailbox|recipient|account|address|person)"
    r"|\b(user|recipient|mailbox|account|address)\b[^.;]{0,60}"
    r"(\bunknown\b|does ?n.t exist|not exist|not found|no longer (exists|available|valid))"
    r"|unknown (user|recipient|mailbox|account|address|local)|invalid (recipient|mailbox|user)"
)
CLOSED = r"\b(disabled|inactive|deactivated|closed)\b"
NO_DOMAIN = r"(unknown|no such) (domain|host)|\b(domain|host)\b[^.;]{0,60}(\bunknown\b|not exist|not found)"

# Enhanced status code without its class (RFC 3463, section 3, and the IANA registry that continues it), or a basic
# code, or nothing where none was told; words in the reply; category. The first line that fits counts. What is never
# hard comes first, then what is said about us; only what is left may keep somebody from ever hearing of us again.
CATEGORIES = tuple(
    (re.compile(code), re.compile(words, re.IGNORECASE), category)
    for code, words, category in (
        (r"rejected", "", "policy"),  # what services say of a recipient (`services.outcomes`); never hard
        (r"invalid", "", "unsupported_address"),
        (r"2\.2", "", "mailbox_full"),
        (r"(2\.3|3\.4)", "", "too_large"),
        (r"3\..*", "", "system"),
        (r"4\..*", "", "unreachable"),
        (r"5\..*", "", "protocol"),
        (r"6\.(7|9|10)", "", "unsupported_address"),  # RFC 6531, section 4.3
        (r"6\..*", "", "content"),
        (r".*", ABOUT_US, "policy"),
        (r"1\.(1|3|6)", "", "unknown_user"),
        (r"1\.10", "null mx", "unknown_domain"),  # RFC 7505
        (r"1\.10", "", "unknown_user"),  # what Exchange says of recipients it does not find
        (r"1\.2", "", "unknown_domain"),
        (r".*", r"\b(full|(over|exceeded).{0,10}quota|over.?limit)\b", "mailbox_full"),
        (r"2\.1|[45]\d\d", CLOSED, "disabled"),
        (r"(7\..*|[01]\.0|5\d\d|)", NOBODY_THERE, "unknown_user"),
        (r"(1\.(7|8|9)|7\..*)", "", "policy"),
        (r"5\d\d", NO_DOMAIN, "unknown_domain"),
        (r"552", "", "too_large"),
        (r".*", "", "other"),
    )
)

# Whoever is behind these, when the refusal is for good, is not there: contacting them again only harms the sender.
HARD = frozenset({"unknown_user", "unknown_domain", "disabled"})


@dataclass(frozen=True)
class Bounce:
    """What a refusal is about, and whether it is hard: the address is no good, now and later."""

    category: str
    hard: bool


def bounce(code: str, reply: str) -> Bounce:
    """The category of a bounce, by its SMTP or enhanced code and the server's words."""
    temporary = code.startswith("4") or reply.startswith(GIVEN_UP)
    subject = code.partition(".")[2] or code
    category = next(
        name for pattern, words, name in CATEGORIES if pattern.fullmatch(subject) and words.search(reply)
    )
    return Bounce(category, hard=category in HARD and not temporary)
