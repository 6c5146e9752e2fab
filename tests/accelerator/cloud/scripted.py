"""A mail server that says what a test tells it to, for what no well-behaved server does."""

import contextlib
import socket
import threading
from collections.abc import Callable

CUT = "cut the line"
SILENCE = "say nothing"
YES = "250 2.0.0 OK"

# From a line of the client ("GREETING", a command, or "." for the end of a message) to a reply other than yes.
Script = Callable[[str], str | None]

EHLO = "250-scripted\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"


class ScriptedServer:
    """Listens while the `with` lasts; `accepted` are the recipients of messages it said yes to."""

    def __init__(self, script: Script = lambda _: None, *, ehlo: str = EHLO) -> None:
        self.script, self.ehlo = script, ehlo
        self.accepted: list[str] = []
        self.contents: list[bytes] = []
        self.lines: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.listener.getsockname()
        self.talks: list[socket.socket] = []
        self.threads: list[threading.Thread] = []

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

    def converse(self, talk: socket.socket) -> None:
        """Until one side hangs up."""
        recipients: list[str] = []
        content: list[bytes] | None = None
        with contextlib.suppress(OSError, ValueError), talk, talk.makefile("rb") as lines:
            said = self.reply(talk, "GREETING", "220 scripted")
            for raw in lines:
                if content is not None and raw != b".\r\n":
                    content.append(raw)
                    continue
                verb, _, rest = raw.decode().strip().partition(" ")
                line = f"{verb.upper()} {rest}".strip()
                self.lines.append(line)
                if line.startswith(("MAIL", "RSET")):
                    recipients = []
                if line.startswith("RCPT"):
                    recipients.append(line.partition("<")[2].partition(">")[0])
                said = self.reply(
                    talk, line, {"EHLO": self.ehlo, "DATA": "354 Go ahead"}.get(verb.upper(), YES)
                )
                if line == ".":
                    self.contents.append(b"".join(content or []))
                    self.accepted += recipients if said == YES else []
                    content = None
                if line == "DATA" and said.startswith("354"):
                    content = []
                if said == CUT:
                    return

    def reply(self, talk: socket.socket, line: str, usual: str) -> str:
        """Say what the script says, or the usual."""
        said = self.script(line) or usual
        if said == CUT:
            talk.shutdown(socket.SHUT_RDWR)
        elif said != SILENCE:
            talk.sendall(f"{said}\r\n".encode())
        return said
