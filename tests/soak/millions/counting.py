"""Runs as `python -m tests.soak.millions.counting FILE RECIPIENTS`: a mail server that counts, and keeps nothing else.

It says on which port it listens. Whoever is made to be refused is refused at RCPT; everybody else's message is accepted
and counted by the number in the address, before the reply is sent. An address that nobody has is a stranger's, whose
messages are counted together. Written for a small part of a processor: what usually comes, the end of a message and the
envelope of the next one, is taken by one search and answered in one piece.
"""

import re
import selectors
import socket
import sys
from pathlib import Path

from tests.soak.millions import customers
from tests.soak.millions.counted import CONNECTIONS, OCTETS, STRANGERS, Counted

BACKLOG = 64
READ = 262_144
DOT, LINE = b"\r\n.\r\n", b"\r\n"
GREETING = b"220 counting.soak.example\r\n"
EHLO = b"250-counting.soak.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
TAKEN, OK, GO_ON, NOBODY = b"250 Taken\r\n", b"250 OK\r\n", b"354 Go on\r\n", b"550 5.1.1 No such user\r\n"
NOT_NOW, BYE = b"503 5.5.1 No recipient\r\n", b"221 Bye\r\n"
# An envelope in one piece, as it comes with the dot of the message before.
ENVELOPE = re.compile(
    rb"MAIL FROM:<[^\r\n]*\r\nRCPT TO:<customer\.(\d+)@shop(\d+)\.example>\r\nDATA\r\n", re.I
)
ENVELOPE_TAKEN = OK + OK + GO_ON
RCPT = re.compile(rb"RCPT TO:<customer\.(\d+)@shop(\d+)\.example>", re.I)
STRANGER = 0


class Conversation:
    """One connection: what was heard of it and is not whole yet, and for whom the message is that comes."""

    def __init__(self, counted: Counted, kinds: bytes | bytearray) -> None:
        self.counted, self.kinds = counted, kinds
        self.heard = b""
        self.number: int | None = None
        self.in_message = False
        self.over = False

    def hear(self, data: bytes) -> bytes:
        """What is answered to it. What is accepted is counted by then."""
        heard = self.heard + data if self.heard else data
        at, replies = 0, []
        while True:
            if self.in_message:
                end = heard.find(DOT, at)
                if end < 0:
                    break
                self._take(end - at)
                at = end + len(DOT)
                replies.append(TAKEN)
                continue
            envelope = ENVELOPE.match(heard, at)
            if envelope and self._known(int(envelope[1]), int(envelope[2])):
                self.number, self.in_message = int(envelope[1]), True
                at = envelope.end()
                replies.append(ENVELOPE_TAKEN)
                continue
            end = heard.find(LINE, at)
            if end < 0:
                break
            replies.append(self._command(heard[at:end]))
            at = end + len(LINE)
        self.heard = heard[at:]
        return b"".join(replies)

    def _known(self, number: int, shop: int) -> bool:
        """Whether it is somebody whose messages are accepted."""
        return (
            0 < number <= self.counted.recipients
            and number % customers.SHOPS == shop
            and self.kinds[number] != customers.REFUSED
        )

    def _take(self, size: int) -> None:
        self.counted.totals[OCTETS] += size
        if self.number:
            self.counted.accept(self.number)
        else:
            self.counted.totals[STRANGERS] += 1
        self.number, self.in_message = None, False

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            return self._recipient(line)
        if verb == b"DATA":
            self.in_message = self.number is not None
            return GO_ON if self.in_message else NOT_NOW
        if verb in (b"MAIL", b"RSET"):
            self.number = None
        if verb == b"QUIT":
            self.over = True
            return BYE
        return EHLO if verb == b"EHLO" else OK

    def _recipient(self, line: bytes) -> bytes:
        found = RCPT.match(line)
        number, shop = (int(found[1]), int(found[2])) if found else (STRANGER, 0)
        if self._known(number, shop):
            self.number = number
        elif 0 < number <= self.counted.recipients and number % customers.SHOPS == shop:
            self.counted.refuse(number)
            return NOBODY
        else:
            self.number = STRANGER
        return OK


def serve(door: socket.socket, counted: Counted, kinds: bytes | bytearray) -> None:
    """For ever. Reads what is there, and waits for nobody: replies are far shorter than what a socket takes."""
    with selectors.DefaultSelector() as selector:
        selector.register(door, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    line, _ = door.accept()
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    line.sendall(GREETING)
                    selector.register(line, selectors.EVENT_READ, Conversation(counted, kinds))
                    counted.totals[CONNECTIONS] += 1
                elif not _talk(key.fileobj, key.data):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]  # the selector's types allow a number


def _talk(line: object, conversation: Conversation) -> bool:
    """Whether it goes on."""
    assert isinstance(line, socket.socket)
    try:
        data = line.recv(READ)
        if not data:
            return False
        replies = conversation.hear(data)
        if replies:
            line.sendall(replies)
    except OSError:
        return False  # whoever was there was killed
    return not conversation.over


def main(path: Path, recipients: int) -> None:
    counted = Counted(path, recipients)
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as door:
        print(f"Counting on port {door.getsockname()[1]}.", flush=True)  # noqa: T201  what the caller reads
        serve(door, counted, bytes(customers.kinds(recipients)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
