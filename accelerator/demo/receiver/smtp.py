"""Connections of the SMTP server: lines and messages out of a buffer, replies in order, faults of the line.

A bare asyncio protocol, because it shares the machine with the senders that it receives from: it takes
several times the messages of a general-purpose server. What is said is decided in `conversation.py`.
"""

import asyncio
import time

from accelerator.demo.receiver.conversation import HELLO, SIZE_LIMIT, Answer, Conversation, Then, World
from accelerator.demo.receiver.verdicts import SLOW

LINE_LIMIT = 4_096
# Of silence, before a connection is closed (RFC 5321, section 4.5.3.2.7).
IDLE_SECONDS = 300


class Sessions:
    """The open connections."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: set[Session] = set()

    def new(self) -> "Session":
        return Session(Conversation(self._world), self._open)

    def close_idle(self) -> None:
        limit = time.monotonic() - IDLE_SECONDS
        for session in [each for each in self._open if each.last_heard < limit]:
            session.goodbye("421 4.4.2 Nothing heard for too long")

    def shut_down(self) -> None:
        for session in list(self._open):
            session.goodbye("421 4.3.2 Shutting down")


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, conversation: Conversation, open_sessions: "set[Session]") -> None:
        self._conversation = conversation
        self._open = open_sessions
        self._buffer = bytearray()
        self._replies: list[str] = []
        self._reading = self._oversized = self._waiting = self._over = False
        self._searched = 0
        self.last_heard = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  asyncio's own promise
        self._transport = transport
        self._open.add(self)
        transport.write(f"220 {HELLO} ESMTP demo receiver: nothing is sent on\r\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._over = True
        self._open.discard(self)

    def pause_writing(self) -> None:
        """The other side does not read its replies: take in no more."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._waiting:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self.last_heard = time.monotonic()
        self._buffer += data
        self._work()

    def goodbye(self, reply: str) -> None:
        """One last reply, then close."""
        self._over = True
        self._replies.append(reply)
        self._send_replies()
        self._transport.close()

    def _work(self) -> None:
        """Answer all that has come, then send the replies in one piece (RFC 2920, section 3.2)."""
        while not (self._waiting or self._over):
            answer = self._take_message() if self._reading else self._take_line()
            if answer is None:
                break
            self._obey(answer)
        self._send_replies()

    def _obey(self, answer: Answer) -> None:
        reply, then = answer
        if then is Then.WAIT:
            self._wait(reply)
            return
        if reply:
            self._replies.append(reply)
        if then is Then.READ_MESSAGE:
            self._reading, self._oversized, self._searched = True, False, 0
        elif then is Then.CLOSE:
            self._over = True
            self._send_replies()
            self._transport.close()
        elif then is Then.CUT:
            self._over = True
            self._send_replies()
            self._transport.abort()

    def _wait(self, reply: str) -> None:
        """Reply SLOW seconds later, and answer nothing before that: replies keep their order."""
        self._waiting = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(SLOW, self._go_on, reply)

    def _go_on(self, reply: str) -> None:
        self._waiting = False
        if not self._over:
            self._replies.append(reply)
            self._transport.resume_reading()
            self._work()

    def _send_replies(self) -> None:
        if self._replies:
            self._transport.write(("\r\n".join(self._replies) + "\r\n").encode())
            self._replies.clear()

    # --- framing ----------------------------------------------------------------------------------------

    def _take_line(self) -> Answer | None:
        """Answer one command; None when there is no whole line yet."""
        end = self._buffer.find(b"\n")
        if end < 0:
            too_long = len(self._buffer) > LINE_LIMIT
            return Answer("500 5.5.6 Line too long", Then.CLOSE) if too_long else None
        raw = self._buffer[:end].rstrip(b"\r")
        del self._buffer[: end + 1]
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            return Answer("500 5.5.2 Not UTF-8")
        return self._conversation.answer(line)

    def _take_message(self) -> Answer | None:
        """Answer one message; None when its final dot has not come yet.

        Only CRLF, dot, CRLF ends a message: anything looser would let one message smuggle in another.
        """
        buffer = self._buffer
        if self._searched == 0 and buffer.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            found = buffer.find(b"\r\n.\r\n", self._searched)
            if found < 0:
                self._look_on_later()
                return None
            end, after = found + 2, found + 5
        data = None if self._oversized else _unstuffed(bytes(buffer[:end]))
        del buffer[:after]
        self._reading = False
        return self._conversation.answer_message(data)

    def _look_on_later(self) -> None:
        if self._oversized or len(self._buffer) > SIZE_LIMIT:
            # Read to the dot, so that the reply is heard, but keep nothing.
            self._oversized = True
            del self._buffer[:-4]
        # A dot line may be cut anywhere between two pieces.
        self._searched = max(0, len(self._buffer) - 4)


def _unstuffed(data: bytes) -> bytes:
    """Undo dot-stuffing (RFC 5321, section 4.5.2)."""
    if data.startswith(b".."):
        data = data[1:]
    return data.replace(b"\r\n..", b"\r\n.")
