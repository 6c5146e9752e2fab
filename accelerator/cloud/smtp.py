"""Hands messages to the mail server over a kept connection, and says what became of each. Knows no database."""

import re
import select
import smtplib
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from accelerator import failpoints
from accelerator.cloud.replies import Reply, Result, Verdict, classify

REPLY_LINE = re.compile(rb"(\d{3})([ -]?)(.*)", re.DOTALL)
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
REPLY_KEPT = 300  # characters
LINE_BYTES = 10_000
# Seconds: how long one write may take, how long a wait lasts between two pulses, and when an idle line is tested.
WRITE_TIMEOUT = 30.0
PULSE = 1.0
IDLE = 5.0


class ServerAway(Exception):
    """The mail server can't be reached or is too busy; waiting helps."""


class ServerRefuses(Exception):
    """The mail server will not talk to us; a person must look."""


@dataclass(frozen=True)
class Server:
    """Where messages go: from smtp://, smtps:// or smtp+tls://user:password@host:port."""

    host: str
    port: int
    user: str
    password: str
    security: str

    @classmethod
    def parse(cls, url: str) -> "Server":
        """Raises ValueError for what is no SMTP URL."""
        parts = urllib.parse.urlsplit(url)
        ports = {"smtp": 25, "smtps": 465, "smtp+tls": 587}
        if parts.scheme not in ports or not parts.hostname:
            raise ValueError("SMTP_URL is written smtp://, smtps:// or smtp+tls://user:password@host:port")
        return cls(
            host=parts.hostname,
            port=parts.port or ports[parts.scheme],
            user=urllib.parse.unquote(parts.username or ""),
            password=urllib.parse.unquote(parts.password or ""),
            security=parts.scheme,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Timeouts:
    """Seconds: for the connection, for a reply, for the reply to the final dot."""

    connect: float = 10.0
    reply: float = 60.0
    acceptance: float = 600.0


class Connection:
    """A line to the mail server, from the greeting to QUIT. One message at a time, one recipient a message."""

    def __init__(self, server: Server, timeouts: Timeouts, *, name: str) -> None:
        """Greet, secure and log in. Raises ServerAway or ServerRefuses, with a sentence."""
        self.server, self.timeouts = server, timeouts
        client = _set_up(server, timeouts, name)
        self._sock: socket.socket | None = client.sock
        self.pipelining = client.has_extn("pipelining")
        self.eight_bit = client.has_extn("8bitmime")
        self.utf8 = client.has_extn("smtputf8")
        self._received = b""
        self._unfinished = False
        self.used_at = time.monotonic()

    @property
    def open(self) -> bool:
        return self._sock is not None

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
        """Whether the line still works; asks the server only if nothing was said for a while."""
        if self.open and time.monotonic() - self.used_at > IDLE:
            try:
                self._write(b"NOOP\r\n")
                if self._reply(self.timeouts.connect).code != 250:
                    self.close()
            except OSError:
                self.close()
        return self.open

    def send(self, sender: str, recipient: str, message: bytes, *, pulse: Callable[[], None]) -> Result:
        """Hand over one message; `pulse` is called every few seconds while the server makes us wait.

        Everything before the final dot is a definite no when it fails; from the dot on, only the reply knows.
        """
        stage = "mail"
        try:
            refusal = self._envelope(sender, recipient, message, pulse)
            if refusal is None:
                self._write(_stuffed(message), pulse)
                self._hear_nothing()
                failpoints.reached("dot.before")
                stage = "dot"
                self._write(b".\r\n")
                failpoints.reached("dot.after")
                refusal = classify(stage, self._reply(self.timeouts.acceptance, pulse))
        except TimeoutError:
            self.close()
            return Result(Verdict.UNKNOWN if stage == "dot" else Verdict.BUSY, "", "no reply in time")
        except OSError:
            self.close()
            return Result(Verdict.UNKNOWN if stage == "dot" else Verdict.CUT, "", "the line was cut")
        except BaseException:
            self.close()
            raise
        self.used_at = time.monotonic()
        if refusal.verdict in (Verdict.BUSY, Verdict.CUT, Verdict.UNKNOWN):
            self.close()
        return refusal

    def _envelope(
        self, sender: str, recipient: str, message: bytes, pulse: Callable[[], None]
    ) -> Result | None:
        """Up to the server's "go ahead" (None), or its refusal."""
        eight = " BODY=8BITMIME" if self.eight_bit and not message.isascii() else ""
        utf8 = " SMTPUTF8" if not recipient.isascii() else ""
        steps = [
            ("mail", f"MAIL FROM:<{sender}>{eight}{utf8}\r\n"),
            ("rcpt", f"RCPT TO:<{recipient}>\r\n"),
            ("data", "DATA\r\n"),
        ]
        if self._unfinished:
            steps.insert(0, ("rset", "RSET\r\n"))
        self._unfinished = True
        if self.pipelining:
            self._write("".join(line for _, line in steps).encode())
        refusal: Result | None = None
        for stage, line in steps:
            if not self.pipelining:
                self._write(line.encode())
            reply = self._reply(self.timeouts.reply, pulse)
            if reply.code // 100 == (3 if stage == "data" else 2):
                continue
            refusal = refusal or classify(stage, reply)
            if reply.code == 421 or not self.pipelining:
                return refusal
        if refusal is None:
            self._unfinished = False
        elif reply.code == 354:
            # The server waits for text nobody will get; hanging up is the one way to send it none.
            self.close()
        return refusal

    def _hear_nothing(self) -> None:
        """A server that speaks or hangs up before the dot does not want the message; then it gets no dot."""
        if isinstance(self._sock, ssl.SSLSocket):
            # What arrives on an encrypted line need not be words, so only words that were read count.
            spoken = bool(self._sock.pending())
        else:
            poll = select.poll()
            poll.register(self._sock or -1, select.POLLIN)
            spoken = bool(poll.poll(0))
        if spoken or self._received:
            raise ConnectionError

    def _write(self, data: bytes, pulse: Callable[[], None] = lambda: None) -> None:
        deadline = time.monotonic() + WRITE_TIMEOUT
        rest = memoryview(data)
        while rest:
            if self._sock is None:
                raise ConnectionError
            self._sock.settimeout(PULSE)
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise
                pulse()

    def _reply(self, timeout: float, pulse: Callable[[], None] = lambda: None) -> Reply:
        deadline = time.monotonic() + timeout
        lines = []
        while True:
            line = REPLY_LINE.fullmatch(self._line(deadline, pulse))
            if line is None:
                return Reply(0, "the server's reply makes no sense")
            lines.append(line.group(3).decode(errors="replace").strip())
            if line.group(2) != b"-":
                text = CONTROL.sub(" ", " ".join(lines)).strip()
                return Reply(int(line.group(1)), text[:REPLY_KEPT])

    def _line(self, deadline: float, pulse: Callable[[], None]) -> bytes:
        while b"\n" not in self._received:
            if self._sock is None or len(self._received) > LINE_BYTES:
                raise ConnectionError
            self._sock.settimeout(min(PULSE, max(deadline - time.monotonic(), 0.001)))
            try:
                chunk = self._sock.recv(65536)
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise
                pulse()
                continue
            if not chunk:
                raise ConnectionError
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r")


class _Client(smtplib.SMTP):
    """smtplib's client, patient with a slow greeting though not with a dead host."""

    reply_timeout = 60.0
    # The name that its certificate must bear; smtplib itself sets it only when its constructor connects.
    _host: str

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        sock.settimeout(self.reply_timeout)
        # A small write must not wait for the acknowledgement of the one before.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


def _set_up(server: Server, timeouts: Timeouts, name: str) -> smtplib.SMTP:
    """A greeted, secured, logged-in smtplib client; from there on the conversation is ours."""
    context = ssl.create_default_context()
    if server.security == "smtps":
        client: _Client = _TlsClient(local_hostname=name, timeout=timeouts.connect, context=context)
    else:
        client = _Client(local_hostname=name, timeout=timeouts.connect)
    client.reply_timeout = timeouts.reply
    client._host = server.host
    try:
        code, greeting = client.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, greeting)
        client.ehlo_or_helo_if_needed()
        if server.security == "smtp+tls":
            client.starttls(context=context)
            client.ehlo()
        if server.user:
            client.login(server.user, server.password)
    except smtplib.SMTPResponseException as error:
        client.close()
        text = (
            error.smtp_error
            if isinstance(error.smtp_error, str)
            else error.smtp_error.decode(errors="replace")
        )
        result = classify("setup", Reply(error.smtp_code, CONTROL.sub(" ", text)[:REPLY_KEPT]))
        if result.verdict is Verdict.REFUSED:
            raise ServerRefuses(
                f"The mail server {server} refuses us: {result.code} {result.reply}"
            ) from error
        raise ServerAway(f"The mail server {server} is busy: {result.code} {result.reply}") from error
    except smtplib.SMTPNotSupportedError as error:
        client.close()
        raise ServerRefuses(f"The mail server {server} lacks what SMTP_URL asks for: {error}") from error
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        client.close()
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ServerAway(f"The mail server {server} can't be reached ({why}).") from error
    return client


def _stuffed(message: bytes) -> bytes:
    """A dot at the beginning of a line is doubled (RFC 5321, section 4.5.2)."""
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n..")
