"""What a mail server's replies mean: the one place where a reply becomes a verdict."""

import re
from dataclasses import dataclass
from enum import Enum

ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b[ ]*(.*)", re.DOTALL)


class Verdict(Enum):
    """What became of a message."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"  # the dot may have arrived, the answer did not
    BUSY = "busy"  # the server sent us away: the message is untouched
    CUT = "cut"  # the line broke before the dot: the message is untouched
    REFUSED = "refused"  # the server refuses whoever sends, not who receives


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
    """The verdict on a reply at a stage: setup, rset, mail, rcpt, data or dot."""
    code = str(reply.code)
    verdict = next(v for at, start, v in CLASSIFICATION if at in ("", stage) and code.startswith(start))
    enhanced = ENHANCED.match(reply.text)
    if enhanced and enhanced.group(1)[0] == code[0]:
        return Result(verdict, *enhanced.groups())
    return Result(verdict, code, reply.text)
