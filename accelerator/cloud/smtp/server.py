"""The mail server, and how a line to it is set up: by the standard library, up to the login."""

import smtplib
import socket
import ssl
import urllib.parse
from dataclasses import dataclass

from accelerator.cloud.replies import Reply, Verdict, classify
from accelerator.cloud.smtp.line import Line, one_line
from accelerator.cloud.smtp.timeouts import Timeouts


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


class _Client(smtplib.SMTP):
    """smtplib's client, patient with a slow greeting though not with a dead host."""

    reply_timeout = 300.0
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


def connect(server: Server, timeouts: Timeouts, *, name: str) -> Line:
    """A greeted, secured, logged-in line; from there on the conversation is ours.

    Raises ServerAway or ServerRefuses, with a sentence.
    """
    client = _set_up(server, timeouts, name)
    assert client.sock is not None  # noqa: S101  it is set up
    return Line(
        client.sock,
        timeouts,
        pipelining=client.has_extn("pipelining"),
        eight_bit=client.has_extn("8bitmime"),
        utf8=client.has_extn("smtputf8"),
    )


def _set_up(server: Server, timeouts: Timeouts, name: str) -> smtplib.SMTP:
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
        _greet(client)
        if server.security == "smtp+tls":
            client.starttls(context=context)
            client.ehlo()
        if server.user:
            client.login(server.user, server.password)
    except (UnicodeError, OSError) as error:  # those of smtplib are OSErrors
        client.close()
        raise _meaning(server, error) from error
    return client


def _greet(client: smtplib.SMTP) -> None:
    """EHLO, and HELO only where that is not known: who is busy at EHLO is asked again, not without its extensions."""
    code, said = client.ehlo()
    if 400 <= code < 500:
        raise smtplib.SMTPHeloError(code, said)
    if not 200 <= code < 300:
        code, said = client.helo()
        if not 200 <= code < 300:
            raise smtplib.SMTPHeloError(code, said)


def _meaning(server: Server, error: UnicodeError | OSError) -> ServerAway | ServerRefuses:
    """Whether waiting helps, or a person must look."""
    if isinstance(error, UnicodeError):
        return ServerRefuses(
            "User and password of SMTP_URL must be of ASCII characters: others can't be sent to a mail server."
        )
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said if isinstance(said, str) else said.decode(errors="replace")
        result = classify("setup", Reply(error.smtp_code, one_line(text)))
        if result.verdict is Verdict.REFUSED:
            return ServerRefuses(f"The mail server {server} refuses us: {result.code} {result.reply}")
        return ServerAway(f"The mail server {server} is busy: {result.code} {result.reply}")
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
        # No STARTTLS, or no way to log in that both know.
        return ServerRefuses(f"The mail server {server} lacks what SMTP_URL asks for: {error}")
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ServerAway(f"The mail server {server} can't be reached ({why}).")
