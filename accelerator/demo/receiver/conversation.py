"""What an SMTP server says to each command and to each message (RFC 5321): replies, and nothing of sockets.

No other module accepts a message. An acceptance is in the log before its reply is even returned.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import NamedTuple

from accelerator.demo.receiver.journal import Journal
from accelerator.demo.receiver.mailbox import Letter, Mailbox
from accelerator.demo.receiver.readers import Readers
from accelerator.demo.receiver.verdicts import REPLIES, Kind, Verdicts

SIZE_LIMIT = 25_000_000
RECIPIENT_LIMIT = 100

HELLO = "mx.internet.example"
FEATURES = ("PIPELINING", "8BITMIME", "SMTPUTF8", f"SIZE {SIZE_LIMIT}", "ENHANCEDSTATUSCODES")

# <path> and parameters of MAIL and RCPT; a quoted local part may hold anything.
_PATH = re.compile(r'\w{4} (?:FROM|TO): ?<((?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>(?: +(.*?))? *', re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_LIST_UNSUBSCRIBE = re.compile(rb"^List-Unsubscribe:", re.IGNORECASE | re.MULTILINE)


class Then(Enum):
    """What the connection does after the reply."""

    GO_ON = auto()
    READ_MESSAGE = auto()
    WAIT = auto()  # holds the reply back for verdicts.SLOW seconds
    CUT = auto()  # dies, without the reply
    CLOSE = auto()


class Answer(NamedTuple):
    """A reply (lines without the last line end), and what follows it."""

    reply: str
    then: Then = Then.GO_ON


@dataclass
class World:
    """What all conversations share: the verdicts, the logs, the inbox, people (if any act) and the clock."""

    verdicts: Verdicts
    journal: Journal
    mailbox: Mailbox
    readers: Readers | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Conversation:
    """One client's, over many messages."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._greeted = False
        self._begin()

    def _begin(self) -> None:
        """Forget the transaction (RSET, EHLO, and after every message)."""
        self._sender: str | None = None
        self._utf8 = False
        self._recipients: list[str] = []
        self._faults: set[Kind] = set()

    def answer(self, line: str) -> Answer:
        """The answer to one command."""
        command = _COMMANDS.get(line[:4].upper())
        if command is None or line[4:5] not in ("", " "):
            return Answer("500 5.5.1 Command not known")
        return command(self, line)

    # --- commands ---------------------------------------------------------------------------------------

    def ehlo(self, line: str) -> Answer:
        self._begin()
        self._greeted = True
        if line[:4].upper() == "HELO":
            return Answer(f"250 {HELLO}")
        *first, last = (HELLO, *FEATURES)
        return Answer("".join(f"250-{feature}\r\n" for feature in first) + f"250 {last}")

    def mail(self, line: str) -> Answer:
        if not self._greeted:
            return Answer("503 5.5.1 Say EHLO first")
        if self._sender is not None:
            return Answer("503 5.5.1 One MAIL at a time")
        match = _PATH.fullmatch(line)
        if match is None:
            return Answer("501 5.5.4 Write MAIL FROM:<address>")
        parameters = (match[2] or "").upper().split()
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "SIZE" and value.isdigit():
                if int(value) > SIZE_LIMIT:
                    return _TOO_LARGE
            elif parameter not in ("SMTPUTF8", "BODY=7BIT", "BODY=8BITMIME"):
                return Answer(f"555 5.5.4 Parameter {name} is not known")
        utf8 = "SMTPUTF8" in parameters
        if not (match[1].isascii() or utf8):
            return Answer("553 5.6.7 This address needs SMTPUTF8")
        self._sender, self._utf8 = match[1], utf8
        return Answer("250 2.1.0 Sender accepted")

    def rcpt(self, line: str) -> Answer:
        if self._sender is None:
            return Answer("503 5.5.1 Say MAIL first")
        match = _PATH.fullmatch(line)
        if match is None or match[2]:
            return Answer("501 5.5.4 Write RCPT TO:<address>")
        address = match[1]
        if not all(address.rpartition("@")):
            return Answer("501 5.1.3 Not an address")
        if not (address.isascii() or self._utf8):
            return Answer("553 5.6.7 This address needs SMTPUTF8")
        if len(self._recipients) >= RECIPIENT_LIMIT:
            return Answer("452 4.5.3 Too many recipients")
        kind = self._world.verdicts.of(address)
        if kind in REPLIES:
            return self._refuse(address, kind, REPLIES[kind])
        if kind:
            self._faults.add(kind)
        self._recipients.append(address)
        return Answer("250 2.1.5 Recipient accepted")

    def data(self, line: str) -> Answer:
        if line[4:].strip():
            return Answer("501 5.5.4 DATA has no parameters")
        if not self._recipients:
            return Answer("554 5.5.1 No valid recipients")
        if Kind.DROP_BEFORE_DOT in self._faults:
            return Answer("", Then.CUT)
        return Answer("354 End with <CRLF>.<CRLF>", Then.READ_MESSAGE)

    def rset(self, _line: str) -> Answer:
        self._begin()
        return Answer("250 2.0.0 Forgotten")

    def noop(self, _line: str) -> Answer:
        return Answer("250 2.0.0 Still here")

    def vrfy(self, _line: str) -> Answer:
        return Answer("252 2.5.0 Send some mail and see")

    def quit(self, _line: str) -> Answer:
        return Answer("221 2.0.0 Goodbye", Then.CLOSE)

    # --- messages ---------------------------------------------------------------------------------------

    def answer_message(self, data: bytes | None) -> Answer:
        """The answer to a message's final dot; None stands for one that was too large to keep."""
        if data is None or len(data) > SIZE_LIMIT:
            answer = _TOO_LARGE
        elif Kind.SPAM in self._faults:
            answer = _SPAM
            for address in self._recipients:
                answer = self._refuse(address, Kind.SPAM, _SPAM.reply)
        else:
            answer = self._accept(data)
            if Kind.DROP_AFTER_DOT in self._faults:
                answer = Answer("", Then.CUT)
            elif Kind.SLOW in self._faults:
                answer = Answer(answer.reply, Then.WAIT)
        self._begin()
        return answer

    def _accept(self, data: bytes) -> Answer:
        """Record the message for every recipient, then answer for it."""
        world, sender = self._world, self._sender or ""
        header = data[: data.find(b"\r\n\r\n") + 2] or data
        found = _MESSAGE_ID.search(header)
        message_id = found[1].decode("utf-8", "replace") if found else ""
        at = world.now()
        try:
            world.journal.accept(_stamp(at), sender, self._recipients, message_id, len(data))
        except OSError:
            return Answer("452 4.3.1 Cannot record the message, try again later")
        notification = not _LIST_UNSUBSCRIBE.search(header)
        for address in self._recipients:
            world.verdicts.forget(address)
            world.mailbox.keep(Letter(at.timestamp(), sender, address, notification, data))
        if world.readers and not notification:
            world.readers.receive(self._recipients, message_id, header, data)
        return Answer("250 2.0.0 Accepted")

    def _refuse(self, address: str, kind: Kind, reply: str) -> Answer:
        try:
            self._world.journal.refuse(_stamp(self._world.now()), self._sender or "", address, kind, reply)
        except OSError:
            return Answer("452 4.3.1 Cannot record the refusal, try again later")
        return Answer(reply)


_TOO_LARGE = Answer(f"552 5.3.4 Message larger than {SIZE_LIMIT} bytes")
_SPAM = Answer("554 5.7.1 Message refused as spam")

_COMMANDS: dict[str, Callable[[Conversation, str], Answer]] = {
    "EHLO": Conversation.ehlo,
    "HELO": Conversation.ehlo,
    "MAIL": Conversation.mail,
    "RCPT": Conversation.rcpt,
    "DATA": Conversation.data,
    "RSET": Conversation.rset,
    "NOOP": Conversation.noop,
    "VRFY": Conversation.vrfy,
    "QUIT": Conversation.quit,
}


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
