"""What a mail that came back says of a message of ours: lost, complained of, or wanted no more. Knows no database.

RFC 3464 and 6533 describe the report of a bounce, RFC 5965 that of a complaint. Only what the mail itself reports
counts: a report inside a message that a person forwards is none of ours.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from accelerator.cloud.inbound import mime, plain, wording
from accelerator.cloud.inbound.mime import Fields, Part
from accelerator.cloud.inbound.wording import Told

TEXT = 200_000  # characters of the original that are kept
ADDRESSES = 20  # and of the recipients that one report may name


class Kind(StrEnum):
    """What is said of a message."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True)
class Report:
    """What a mail that came back says of a message of ours."""

    kind: Kind
    code: str = ""  # enhanced (RFC 3463), or else basic, or "" where none is told
    reply: str = ""  # the far server's words in one line, at most 500 characters, without the codes in front
    addresses: tuple[str, ...] = ()  # recipients that it names, as written
    message_ids: tuple[str, ...] = ()  # of the original, with angle brackets
    reached: tuple[str, ...] = ()  # recipients that it says nothing bad of
    header: str = ""  # of the original, and whom it came back to
    text: str = ""  # header and texts of the original, decoded, at most TEXT characters


STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
FEEDBACK = "message/feedback-report"
# What people or programs report of messages that arrived: RFC 8098, 6533, 3886; and of connections: RFC 8460.
OTHERS = frozenset(
    {
        "message/disposition-notification",
        "message/global-disposition-notification",
        "message/tracking-status",
        "application/tlsrpt+gzip",
        "application/tlsrpt+json",
    }
)
# The whole original, or its header alone (RFC 6522, RFC 6533; the last is a habit).
ORIGINALS = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/global-headers",
        "message/rfc822-headers",
    }
)

# RFC 3464, section 2.3.3. Not lost: delayed, delivered, relayed, expanded.
FAILED = "failed"
VAGUE = ".0.0"  # RFC 3463, section 3.1: that something happened, and no more

# Feedback-Type, what it says. All others are complaints, also those that will be registered (RFC 5965).
FEEDBACK_TYPES = {
    "not-spam": None,  # RFC 6430: the opposite
    "auth-failure": None,  # RFC 6591: of a signature, by no person
    "dmarc": None,
    "": None,  # says nothing
    "opt-out": Kind.UNSUBSCRIBE,  # of the drafts before RFC 5965, and still sent
    "opt-out-list": Kind.UNSUBSCRIBE,
    "unsubscribe": Kind.UNSUBSCRIBE,
}

# Microsoft's Junk Mail Reporting Program before it took to RFC 5965: who sends it, and the field that it adds to the
# original.
JMRP_SENDER = "staff@hotmail.com"
JMRP_RECIPIENT = "x-hmxmroriginalrecipient"

BEHIND_WORD = re.compile(r"[^\w-]")
MESSAGE_ID = re.compile(r"<[^<>\s]{1,995}>")
EMPTY_LINE = re.compile(r"\n[ \t]*\n")


def read(data: bytes) -> Report | None:
    """None for what says of no message that it was lost or complained of: a delay, a delivery, an absence note,
    spam, anything else.
    """
    mail = mime.mail(data)
    parts = list(mail.walk())
    original = next((one.message() for one in parts if one.type in ORIGINALS), None)
    for part in parts:
        if part.type in OTHERS:
            return None
        if part.type == FEEDBACK:
            return _feedback(mail, _fields(part.content), original)
        if part.type in STATUS and (groups := _groups(part)):
            return _status(mail, groups, original)
    return _older_complaint(mail, original) or _plain(mail, original)


# --- bounces --------------------------------------------------------------------------------------------


def _status(mail: Part, groups: list[Fields], original: Part | None) -> Report | None:
    """The first recipient that failed decides: behind a list or a forwarder there may be several."""
    group = next((group for group in groups if _failed(group)), None)
    if group is None:
        return None
    human = plain.words(plain.text(mail))  # where the fields leave out what was said, or the original
    diagnostic = _first(group, "diagnostic-code")
    told = wording.diagnosis(diagnostic) if diagnostic else human.told
    code = _code(wording.status(_first(group, "status")), told)
    reached = [address for one in groups if not _failed(one) for address in _recipients(one)]
    found = original or _message(human.original)
    return replace(
        _report(Kind.BOUNCE, mail, found, _recipients(group), code=code, reply=told.words),
        reached=tuple(reached)[:ADDRESSES],
    )


def _groups(part: Part) -> list[Fields]:
    """The fields of each recipient (RFC 3464, section 2.3); those of the message say neither of these."""
    blocks = EMPTY_LINE.split(mime.text(mime.lines(part.content)))
    return [group for group in map(mime.fields, blocks) if "action" in group or "status" in group]


def _recipients(group: Fields) -> list[str]:
    return [
        *wording.recipient(_first(group, "original-recipient"), xtext=True),
        *wording.recipient(_first(group, "final-recipient")),
    ]


def _failed(group: Fields) -> bool:
    action = _word(_first(group, "action"))
    # Some leave out the action, though none may.
    return action == FAILED or (not action and wording.status(_first(group, "status")).startswith("5"))


def _code(status: str, told: Told) -> str:
    """The status, unless it is vague and the server's own words have a code of its class, or there is none."""
    if status and not status.endswith(VAGUE):
        return status
    said = [code for code in (told.enhanced, told.basic) if code and (not status or code[0] == status[0])]
    return said[0] if said else status


def _plain(mail: Part, original: Part | None) -> Report | None:
    said = plain.read(mail)
    if said is None:
        return None
    told, found = said.told, original or _message(said.original)
    return _report(Kind.BOUNCE, mail, found, said.recipients, code=told.code, reply=told.words)


# --- complaints -----------------------------------------------------------------------------------------


def _feedback(mail: Part, fields: Fields, original: Part | None) -> Report | None:
    kind = FEEDBACK_TYPES.get(_word(_first(fields, "feedback-type")), Kind.COMPLAINT)
    if kind is None:
        return None
    told = [address for value in fields.get("original-rcpt-to", []) for address in wording.recipient(value)]
    report = _report(kind, mail, original, then=told)
    return replace(report, header=f"{report.header}\nReturn-Path: {_first(fields, 'original-mail-from')}")


def _older_complaint(mail: Part, original: Part | None) -> Report | None:
    if original is None or JMRP_SENDER not in wording.addresses(mail.first("from").lower()):
        return None
    told = wording.addresses(original.first(JMRP_RECIPIENT))
    return _report(Kind.COMPLAINT, mail, original, then=told) if told else None


# --- what all have --------------------------------------------------------------------------------------


def _report(
    kind: Kind,
    mail: Part,
    original: Part | None,
    named: Iterable[str] = (),
    then: Iterable[str] = (),
    *,
    code: str = "",
    reply: str = "",
) -> Report:
    """The report, with what the original says; without one, what the report answers (RFC 5322, section 3.6.4)."""
    original = original or Part()
    addresses = dict.fromkeys([*named, *wording.addresses(original.first("to")), *then])
    ids = MESSAGE_ID.findall(original.first("message-id")) or MESSAGE_ID.findall(mail.first("in-reply-to"))
    return Report(
        kind,
        code,
        reply,
        addresses=tuple(addresses)[:ADDRESSES],
        message_ids=tuple(ids[:1]),
        header=original.header,
        text=_text(original),
    )


def _text(original: Part) -> str:
    """Header and texts; of what cannot be taken apart, all that there is."""
    texts = [one.text for one in original.walk() if one.type.startswith("text/")] or [original.text]
    return "\n".join([original.header, *texts]).strip("\n")[:TEXT]


def _message(text: str) -> Part | None:
    return mime.part(text.encode()) if text else None


def _fields(content: bytes) -> Fields:
    return mime.fields(mime.text(mime.lines(content)))


def _first(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0]


def _word(value: str) -> str:
    return BEHIND_WORD.split(value, maxsplit=1)[0].lower()
