"""One line to the mail server: a conversation that never waits, one recipient a message.

Where the server takes several commands at once, the envelope of the next message goes out with the final dot of the
one before (RFC 2920, section 3.1). Everything before the dot is a definite no when it fails; from the dot on, only the
reply knows.
"""

import re
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from accelerator import failpoints
from accelerator.cloud.replies import Reply, Result, Verdict, classify
from accelerator.cloud.smtp.timeouts import Timeouts

REPLY_LINE = re.compile(rb"(\d{3})([ -]?)(.*)", re.DOTALL)
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
REPLY_KEPT = 300  # characters
REPLY_BYTES = 20_000
READ = 65_536
DOT = b".\r\n"
# Bytes of a text that is handed over in one piece with its dot. Before the dot of a longer one we listen.
ONE_PIECE = 65_536
# Seconds until an idle line is tested before it is used.
IDLE = 5.0

NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# After these a line is in doubt, and not used again.
DOUBTFUL = (Verdict.BUSY, Verdict.CUT, Verdict.UNKNOWN)
# How a server begins its yes to a command, as the first byte of the reply.
YES = {"rset": 0x32, "mail": 0x32, "rcpt": 0x32, "data": 0x33}


@dataclass(slots=True, eq=False)
class Message:
    """What is handed over: envelope sender and recipient, the text with lines ending in CRLF. `about`: whatever whoever
    gives it wants to know again."""

    sender: str
    recipient: str
    text: bytes
    about: object = None
    dotted: bool = False  # its final dot may have left us
    refusal: Result | None = None


Source = Callable[[], Message | None]


class Line:
    """A connection after its set-up. `begin` puts a message on an idle one, `proceed` does what can be done now, and
    `settled` holds what became of messages since it was last emptied."""

    def __init__(
        self, sock: socket.socket, timeouts: Timeouts, *, pipelining: bool, eight_bit: bool, utf8: bool
    ) -> None:
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._encrypted = isinstance(sock, ssl.SSLSocket)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self.timeouts = timeouts
        self.pipelining, self.eight_bit, self.utf8 = pipelining, eight_bit, utf8
        self.settled: list[tuple[Message, Result]] = []
        self.more = False  # there is more to take once `settled` is emptied: an outcome is told before the next begins
        self.accepted = 0  # messages since the set-up
        self.used_at = time.monotonic()
        self.deadline = float("inf")  # of what is awaited now
        self._waits_for: object = None  # since its deadline was set
        self._received = b""
        self._rest = memoryview(b"")  # of what is being written
        self._dotting: tuple[Message, int] | None = None  # whose dot is in it, so many bytes before its end
        self._text: Message | None = None  # who was told to go ahead, and has no dot yet
        self._awaited: deque[tuple[str, Message]] = deque()  # replies: stage, message
        self._commands: deque[tuple[str, bytes]] = deque()  # to be said one after the other
        self._unfinished = False  # the server has an envelope that no text came for

    # --- for whoever waits for several of them --------------------------------------------------------------

    @property
    def open(self) -> bool:
        return self._sock is not None

    @property
    def busy(self) -> bool:
        """Whether a message is on it."""
        return bool(self._awaited) or self._text is not None

    @property
    def full(self) -> bool:
        """Whether the socket has not yet taken what is being written."""
        return bool(self._rest)

    @property
    def beyond_recall(self) -> bool:
        """Whether the dot of a message may have left us: then its reply is worth any wait."""
        return any(message.dotted for message in self._messages())

    def fileno(self) -> int:
        return self._sock.fileno() if self._sock else -1

    def close(self, *, politely: bool = False) -> None:
        """Hang up. `politely`: say QUIT, but wait for no answer."""
        sock, self._sock = self._sock, None
        if sock is not None:
            try:
                if politely:
                    sock.settimeout(1.0)
                    sock.sendall(b"QUIT\r\n")
            except OSError:
                pass
            finally:
                sock.close()

    def alive(self) -> bool:
        """Whether an idle line still works; asks the server, and waits for it, only if nothing was said for a while."""
        try:
            if self._sock is not None and (self._received or self._heard()):
                raise ConnectionError  # whatever it says, it says good-bye
            if self._sock is not None and time.monotonic() - self.used_at > IDLE:
                self._ask()
        except OSError:
            self.close()
        return self.open

    def _ask(self) -> None:
        assert self._sock is not None  # noqa: S101  the caller has looked
        self._sock.settimeout(self.timeouts.connect)
        self._sock.sendall(b"NOOP\r\n")
        while (reply := self._reply()) is None:
            if not self._heard():
                raise ConnectionError
        if reply.code != 250:
            raise ConnectionError
        self._sock.setblocking(False)
        self.used_at = time.monotonic()

    # --- messages -------------------------------------------------------------------------------------------

    def begin(self, message: Message) -> None:
        """Put a message on an idle line."""
        self._attempt(lambda: self._write(self._envelope(message)))

    def proceed(self, source: Source) -> None:
        """Write and read what the socket takes and has. `source` gives the message whose envelope goes with a dot."""
        self._attempt(lambda: self._move(source))

    def expire(self) -> None:
        """The server took too long."""
        self._break(Verdict.BUSY, "no reply in time")

    def recall(self) -> None:
        """Nobody wants to wait for it any more."""
        self._break(Verdict.CUT, "called back")

    def _attempt(self, moves: Callable[[], None]) -> None:
        try:
            moves()
        except NOT_NOW:
            pass
        except OSError:
            self._break(Verdict.CUT, "the line was cut")
        except BaseException:
            self._break(Verdict.CUT, "the line was cut")
            raise
        self.used_at = time.monotonic()
        waits_for = self._awaited[0] if self._awaited else None, self._text, len(self._rest)
        if waits_for == self._waits_for:
            return  # a piece of a reply is none
        self._waits_for = waits_for
        if self._rest or self._text:
            patience = self.timeouts.block
        elif self._awaited:
            stage = self._awaited[0][0]
            patience = {"dot": self.timeouts.acceptance, "data": self.timeouts.data}.get(
                stage, self.timeouts.reply
            )
        else:
            patience = float("inf")
        self.deadline = self.used_at + patience

    def _break(self, verdict: Verdict, why: str) -> None:
        """Hang up. Of what got a dot, nobody can know; what got none is untouched, or was refused before: a server that
        says no for good may hang up with it (RFC 7504).
        """
        self.close()
        for message in self._messages():
            untouched = message.refusal or Result(verdict, "", why)
            self.settled.append((message, Result(Verdict.UNKNOWN, "", why) if message.dotted else untouched))
        self._awaited.clear()
        self._commands.clear()
        self._text, self._rest, self.deadline = None, memoryview(b""), float("inf")
        self.more = False

    def _messages(self) -> list[Message]:
        """Those on it, oldest first."""
        found = [message for _, message in self._awaited]
        if self._text is not None:
            found.append(self._text)
        return list(dict.fromkeys(found))

    # --- what we say ----------------------------------------------------------------------------------------

    def _envelope(self, message: Message) -> bytes:
        """What is said first of a message: its whole envelope, or one command where the server takes no more."""
        eight = " BODY=8BITMIME" if self.eight_bit and not message.text.isascii() else ""
        utf8 = "" if message.recipient.isascii() else " SMTPUTF8"
        commands = [
            ("mail", f"MAIL FROM:<{message.sender}>{eight}{utf8}\r\n".encode()),
            ("rcpt", f"RCPT TO:<{message.recipient}>\r\n".encode()),
            ("data", b"DATA\r\n"),
        ]
        if self._unfinished:
            commands.insert(0, ("rset", b"RSET\r\n"))
        self._unfinished = True
        now = len(commands) if self.pipelining else 1
        self._commands.extend(commands[now:])
        self._awaited.extend((stage, message) for stage, _ in commands[:now])
        return b"".join(command for _, command in commands[:now])

    def _hand_over(self, message: Message, source: Source) -> None:
        """The server said go ahead: the text, the dot, and the envelope of the next message."""
        self._unfinished = False
        self._text = message
        text = _stuffed(message.text)
        if len(text) > ONE_PIECE or self._encrypted:
            self._write(text)
            if self._rest:
                return
            text = b""
        self._finish(message, text, source)

    def _finish(self, message: Message, text: bytes, source: Source) -> None:
        following = source() if self.pipelining else None
        self._text = None
        self._awaited.append(("dot", message))
        envelope = self._envelope(following) if following is not None else b""
        if self._received or (not text and self._heard()):
            # A server that speaks or hangs up before the dot does not want the message; then it gets no dot.
            raise ConnectionError
        failpoints.reached("dot.before")
        self._dotting = message, len(DOT) + len(envelope)
        self._write(b"%b%b%b" % (text, DOT, envelope))

    def _write(self, data: bytes) -> None:
        """Begin to write; what the socket does not take now, `proceed` goes on with."""
        self._rest = memoryview(data)
        self._flush()

    def _flush(self) -> None:
        while self._rest and self._sock is not None:
            if self._dotting and self._encrypted:
                # Half a record is nothing to the server, but what the library keeps back is not for us to know.
                self._dotting[0].dotted = True
            try:
                self._rest = self._rest[self._sock.send(self._rest) :]
            except NOT_NOW:
                return
            if self._dotting and len(self._rest) < self._dotting[1]:
                self._dotting[0].dotted = True
                self._dotting = None
                failpoints.reached("dot.after")

    # --- what we hear ---------------------------------------------------------------------------------------

    def _move(self, source: Source) -> None:
        if self._rest:
            self._flush()
            if self._text is not None and not self._rest:
                self._finish(self._text, b"", source)
        while self._sock is not None and (self.more or self._heard()):
            self.more = False
            while self._received and not self.settled and self._listen(source):
                pass
            # Encrypted, more may be here than the socket shows.
            if self.settled:
                self.more = bool(self._received) or self._encrypted
            if self.settled or not self._encrypted:
                return

    def _heard(self) -> bool:
        """Read what is here. Raises ConnectionError at the end of the line."""
        assert self._sock is not None  # noqa: S101  the callers have looked
        try:
            said = self._sock.recv(READ)
        except NOT_NOW:
            return False
        if not said:
            raise ConnectionError
        self._received += said
        return True

    def _listen(self, source: Source) -> bool:
        """Take one reply; False if it is not all here yet."""
        if not self._awaited:
            raise ConnectionError
        stage, message = self._awaited[0]
        reply = None
        if stage == "dot" or not self._is_yes(YES[stage]):
            reply = self._reply()
            if reply is None:
                return False
        self._awaited.popleft()
        if stage == "dot":
            self._answer(message, reply or Reply(0, ""))
        else:
            self._go_on(stage, message, reply, source)
        return True

    def _answer(self, message: Message, reply: Reply) -> None:
        """What became of a message, by the reply to its dot."""
        if not message.dotted:
            self._awaited.appendleft(("dot", message))
            raise ConnectionError
        result = classify("dot", reply)
        self.accepted += result.verdict is Verdict.DELIVERED
        self._settle(message, result)

    def _go_on(self, stage: str, message: Message, reply: Reply | None, source: Source) -> None:
        """After the reply to a command, None for a plain yes."""
        if reply is not None and str(reply.code)[0] != chr(YES[stage]):
            asked_for_more = stage == "mail" and not message.recipient.isascii()
            message.refusal = message.refusal or classify("mail utf8" if asked_for_more else stage, reply)
            if reply.code == 421 or not self.pipelining:
                self._settle(message, message.refusal, hang_up=reply.code == 421)
                return
        if stage != "data":
            if self._commands:
                stage, command = self._commands.popleft()
                self._awaited.append((stage, message))
                self._write(command)
        elif message.refusal is None:
            self._hand_over(message, source)
        else:
            # Told to go ahead with what it has refused, hanging up is the one way to send no text.
            said_yes = reply is None or reply.code // 100 == 3
            self._settle(message, message.refusal, hang_up=said_yes)

    def _settle(self, message: Message, result: Result, *, hang_up: bool = False) -> None:
        self.settled.append((message, result))
        self._commands.clear()
        while self._awaited and self._awaited[0][1] is message:
            self._awaited.popleft()
        if hang_up or result.verdict in DOUBTFUL:
            raise ConnectionError

    def _is_yes(self, first: int) -> bool:
        """Whether the next reply is a yes of one line; it is taken then. Most are, and nobody reads their words."""
        received = self._received
        end = received.find(b"\n")
        if end < 4 or received[0] != first or received[3] != 0x20 or not received[1:3].isdigit():
            return False
        self._received = received[end + 1 :]
        return True

    def _reply(self) -> Reply | None:
        """The next reply, of one line or several; None if it is not all here yet.

        All its lines have one code (RFC 5321, section 4.2.1): who says yes and no in one breath has said nothing.
        """
        words: list[bytes] = []
        codes: set[bytes] = set()
        begins = 0
        while (end := self._received.find(b"\n", begins)) >= 0:
            line = REPLY_LINE.fullmatch(self._received[begins:end].rstrip(b"\r"))
            begins = end + 1
            if line:
                codes.add(line[1])
            if line is None or len(codes) > 1:
                self._received = self._received[begins:]
                return Reply(0, "the server's reply makes no sense")
            words.append(line[3].strip())
            if line[2] != b"-":
                self._received = self._received[begins:]
                return Reply(int(line[1]), one_line(b" ".join(words).decode(errors="replace")))
        if len(self._received) > REPLY_BYTES:
            raise ConnectionError
        return None


def one_line(text: str) -> str:
    """A reply's words as they are kept."""
    return CONTROL.sub(" ", text).strip()[:REPLY_KEPT]


def _stuffed(text: bytes) -> bytes:
    """A dot at the beginning of a line is doubled (RFC 5321, section 4.5.2)."""
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..")
