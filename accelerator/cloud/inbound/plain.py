"""Reads bounces that no standard describes: words for people. Counts only what is surely a bounce, and for good."""

import html
import re
from dataclasses import dataclass

from accelerator.cloud.inbound import wording
from accelerator.cloud.inbound.mime import Part
from accelerator.cloud.inbound.wording import Told

HUMAN = 20_000  # characters that are read; who bounces comes to the point

# Who says that a message was lost: nobody (RFC 5321, section 4.5.5), or what mail servers call themselves (RFC 2142
# has the postmaster; the daemon is Sendmail's, and everybody's since).
NOBODY = re.compile(r"<\s*>")
DAEMON = re.compile(r"\b(mailer-?daemon|mail-daemon|postmaster)(@|>|$)", re.IGNORECASE)


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(phrases)})", re.IGNORECASE)


# Words of a mere delay, by Exim, Sendmail, Exchange and others: another mail will say what becomes of the message.
DELAY = _any_of(
    r"will be (retried|attempted again)",
    r"will (continue to try|keep trying)",
    r"still (being )?(trying|retried)",
    r"delivery attempts will continue",
    r"no action is required",
    r"warning message only",
    r"warning: (message|could not send)",
    r"not need to re-?send",
    r"(message|delivery|mail) (is |was |has been )?(temporarily )?delayed",
    r"delivery status notification \(delay",
    r"not (yet been|been delivered yet)",
    r"keep(ing|s)? (on )?(trying|retrying)",
    r"(is|been|was) queued",
    r"noch nicht (zugestellt|ausgeliefert)",
    r"versuchen es weiter|weitere zustellversuche",
)

# Words of a failure for good, by Exim, qmail, Sendmail, Exchange, Yahoo, GMX (which writes German too).
FOR_GOOD = _any_of(
    r"permanent (fatal )?(error|failure)",
    r"permanently failed|failed permanently",
    r"given up|giving up",
    r"undeliver(able|ed)",
    r"returned (mail|to sender)",
    r"delivery( has| to the following recipients?| status notification \()? ?fail(ed|ure)",
    r"(could|can|was|were|has|have)( ?n.t| ?not) (be |been )?delivered",
    r"unable to deliver",
    r"nicht (zugestellt|ausgeliefert) werden",
)

# Where a server's words say "for now", only these say that nobody will try again.
GIVEN_UP = _any_of(
    r"giv(en|ing) up",
    r"permanent",
    r"expired",
    r"(too long|time limit|maximum (time|age|queue))",
    r"(could|can|was) ?n[o']t (be )?delivered (with)?in",
    r"no longer (be )?(tried|attempted|retried)",
    r"not (be )?(tried|attempted|retried) (again|any ?more)",
    r"endgültig",
)

# Field, word in it: how programs answer for people who are away (RFC 3834, section 5; habits older than that).
AWAY = (
    ("auto-submitted", "auto-replied"),
    ("x-autoreply", ""),
    ("x-autorespond", ""),
    ("x-autoresponder", ""),
)
# Older still: the precedence of what nobody shall answer, and a subject that says why.
BULK = re.compile(r"bulk|junk|auto_reply", re.IGNORECASE)
AWAY_SUBJECT = _any_of(
    r"out of (the )?office",
    r"vacation",
    r"holiday",
    r"away",
    r"absen(t|ce)",
    r"auto(matic)?[ -]?(reply|response)",
    r"abwesen",
    r"automatische antwort",
    r"urlaub",
)

# Where the words end and the message follows, by Exim, qmail, Sendmail, Exchange.
ORIGINAL = re.compile(
    r"^[ \t-]*(this is a copy of (the|your) message|below this line is a copy of the message"
    r"|(original|unsent) message (follows|headers)).*\n+",
    re.IGNORECASE | re.MULTILINE,
)
# The line above what is said of a recipient: Exim's, qmail's `<address>:`, GMX's `"address":`.
RECIPIENT = re.compile(rf"""[ \t]*[<"]?({wording.ADDRESS})[>"]?:?""")
# What senders say for themselves below a server's words.
OWN = re.compile(r"^[ \t]*(giving up on|i'm not going to try again)", re.IGNORECASE | re.MULTILINE)

BREAKS = re.compile(r"<(br|/p|/div|/tr|/li|/h\d)\b[^<>]*>", re.IGNORECASE)
TAGS = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Words:
    """What words for people say: of whom, what the server said, and the message that follows, as text."""

    recipients: tuple[str, ...]
    told: Told
    original: str


def read(mail: Part) -> Words | None:
    """None if it is no bounce, or may be none."""
    human, _ = split(text(mail))
    if not _from_daemon(mail) or DELAY.search(f"{mail.first('subject')}\n{human}"):
        return None
    said = words(text(mail))
    if failed := wording.addresses(mail.first("x-failed-recipients")):  # Exim says it on nothing but bounces
        return Words((*failed, *said.recipients), said.told, said.original)
    surely = said.told.code and (GIVEN_UP if said.told.code.startswith("4") else FOR_GOOD).search(human)
    return said if surely and not _away(mail) else None


def words(human: str) -> Words:
    """What the first paragraph about a recipient says that has a code, or else the first with a code, or any."""
    human, original = split(human)
    paragraphs = "\n".join(line.rstrip() for line in human.split("\n")).split("\n\n")
    found = [_paragraph(paragraph) for paragraph in paragraphs]
    recipients, told = max(found, key=lambda one: (one[1].code != "", one[0] != ()))
    return Words(recipients or next((named for named, _ in found if named), ()), told, original)


def text(mail: Part) -> str:
    """The first text of a mail, of several alternatives the plain one."""
    texts = [one for one in mail.walk() if one.type in ("text/plain", "text/html")]
    plain = next((one for one in texts if one.type == "text/plain"), None)
    if plain is None and texts:
        return html.unescape(TAGS.sub("", BREAKS.sub("\n", texts[0].text)))
    return plain.text if plain else ""


def split(human: str) -> tuple[str, str]:
    """The words for people, and the message behind them."""
    found = ORIGINAL.search(human)
    return (human[: found.start()][:HUMAN], human[found.end() :]) if found else (human[:HUMAN], "")


def _from_daemon(mail: Part) -> bool:
    return bool(NOBODY.match(mail.first("return-path")) or DAEMON.search(mail.first("from")))


def _away(mail: Part) -> bool:
    if mail.type == "multipart/report":  # broken, but by a mail server: no note is one
        return False
    if any(name in mail.fields and word in mail.first(name).lower() for name, word in AWAY):
        return True
    return bool(BULK.match(mail.first("precedence")) and AWAY_SUBJECT.search(mail.first("subject")))


def _paragraph(paragraph: str) -> tuple[tuple[str, ...], Told]:
    """Whom it is about, and what stands below the address; of others what they say if they have a code."""
    lines = paragraph.split("\n")
    for number, line in enumerate(lines, start=1):
        if named := RECIPIENT.fullmatch(line):
            return (named.group(1),), wording.told(OWN.split("\n".join(lines[number:]))[0])
    told = wording.told(paragraph)
    return (), told if told.code else Told()
