"""A mail server that says what a test tells it to, for what no well-behaved server does."""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable

CUT = "cut the line"
SILENCE = "say nothing"
YES = "250 2.0.0 OK"
AND_CUT = "\0"  # behind a reply: it is said, and the line cut

# From a line of the client ("GREETING", a command, or "." for the end of a message) to a reply other than yes.
Script = Callable[[str], str | None]

OK = ("250 2.0.0 OK", "250-2.0.0 a\r\n250 2.0.0 b")  # yes to a dot

EHLO = "250-scripted\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"


class ScriptedServer:
    """Listens while the `with` lasts; `accepted` are the recipients of messages it said yes to."""

    def __init__(
        self, script: Script = lambda _: None, *, ehlo: str = EHLO, tls: ssl.SSLContext | None = None
    ) -> None:
        self.script, self.ehlo, self.tls = script, ehlo, tls
        self.accepted: list[str] = []
        self.contents: list[bytes] = []
        self.lines: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.listener.getsockname()
        self.talks: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.reading = threading.local()

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

    def __enter__(self) -> "ScriptedServer":
        self.begin(self.listen)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self.listener, *self.talks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        self.listener.close()

    def more(self, within: float = 10.0) -> bool:
        """Whether more of what the client says is here than the line being answered. Asked by a script."""
        talk, lines = self.reading.talk, self.reading.lines
        deadline = time.monotonic() + within
        talk.setblocking(False)
        try:
            while not lines.peek(1):
                if time.monotonic() > deadline:
                    return False
                select.select([talk], [], [], within)
            return True
        finally:
            talk.setblocking(True)

    def begin(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                talk, _ = self.listener.accept()
                self.talks.append(talk)
                self.begin(self.converse, talk)

    def converse(self, talk: socket.socket, *, greets: bool = True) -> None:
        """Until one side hangs up."""
        recipients: list[str] = []
        content: list[bytes] | None = None
        with contextlib.suppress(OSError, ValueError), talk, talk.makefile("rb") as lines:
            self.reading.talk, self.reading.lines = talk, lines
            if greets:
                self.say(talk, self.script("GREETING") or "220 scripted")
            for raw in lines:
                if content is not None and raw != b".\r\n":
                    content.append(raw)
                    continue
                verb, _, rest = raw.decode().strip().partition(" ")
                line = f"{verb.upper()} {rest}".strip()
                usual = {"EHLO": self.ehlo, "DATA": "354 Go ahead", "STARTTLS": "220 Go ahead"}.get(
                    verb.upper(), YES
                )
                said = self.script(line) or usual
                self.lines.append(line)
                if line.startswith(("MAIL", "RSET")):
                    recipients = []
                if line.startswith("RCPT"):
                    recipients.append(recipient_of(line))
                if line == ".":
                    # Recorded before it is said: the record holds all that a sender may count as accepted.
                    self.contents.append(b"".join(content or []))
                    self.accepted += recipients if said in OK else []
                    content = None
                if line == "DATA" and said.startswith("354"):
                    content = []
                self.say(talk, said)
                if line == "STARTTLS" and self.tls:
                    self.converse(self.tls.wrap_socket(talk, server_side=True), greets=False)
                if said == CUT or said.endswith(AND_CUT) or line == "STARTTLS":
                    return

    def say(self, talk: socket.socket, said: str) -> None:
        if said == CUT:
            talk.shutdown(socket.SHUT_RDWR)
        elif said != SILENCE:
            talk.sendall(f"{said.removesuffix(AND_CUT)}\r\n".encode())
            if said.endswith(AND_CUT):
                talk.shutdown(socket.SHUT_RDWR)


def recipient_of(line: str) -> str:
    """Of RCPT."""
    return line.partition("<")[2].partition(">")[0]
