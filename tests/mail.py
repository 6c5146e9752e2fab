"""A real mail server for tests, whose behaviour depends on the local part of the address.

ok...             accepted (as is whatever is not named below)
defer...          451 at RCPT
reject...         550 at RCPT
deferdata...      451 after the final dot
rejectdata...     550 after the final dot
busy...           421 at RCPT, and the server hangs up
busydata...       421 after the final dot, and the server hangs up
dropatdata...     the line is cut instead of the 354: the final dot is certainly still to come
dropbeforedot...  the line is cut while the message is being sent: certainly not accepted
dropafterdot...   recorded, then the line is cut before the reply: nobody but the server can know
slow...           accepted after `slowness` seconds

With "once" behind the word (deferonce...) this happens at the first attempt, and later ones are accepted.

A message is recorded before its reply is sent: the record holds all that a sender may count as accepted.
"""

# ruff: noqa: ARG002, N802 - names and arguments are aiosmtpd's

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Message = tuple[str, str, bytes]

# By the word that a local part begins with: the stage at which it is met, and what is said there.
FAULTS = {
    "defer": ("rcpt", "451 4.2.1 Greylisted, try again later"),
    "reject": ("rcpt", "550 5.1.1 No such user"),
    "busy": ("rcpt", "421 4.3.2 Too busy, come again later"),
    "dropatdata": ("data", ""),
    "dropbeforedot": ("data", "354 End data with <CR><LF>.<CR><LF>"),
    "deferdata": ("dot", "451 4.3.0 Try again later"),
    "rejectdata": ("dot", "554 5.7.1 Looks like spam"),
    "busydata": ("dot", "421 4.3.2 Too busy, come again later"),
    "dropafterdot": ("reply", ""),
    "slow": ("reply", ""),
}


class Server(SMTP):
    """aiosmtpd's server, able to hang up in the middle of everything."""

    async def push(self, status: Any) -> None:
        await super().push(status)
        if status[:3] in ("421", b"421") and self.transport:
            self.transport.close()  # after what is still to be written (RFC 5321, section 3.8)
            await self.end()

    async def smtp_DATA(self, arg: str) -> None:
        words = self.event_handler.met(self.envelope.rcpt_tos if self.envelope else [], "data")
        if "dropbeforedot" in words:
            await self.push(FAULTS["dropbeforedot"][1])
            await self._reader.readline()
        if words:
            cut(self)
            await self.end()
        await super().smtp_DATA(arg)

    async def end(self) -> None:
        """Hear nothing more of what came with the last words; aiosmtpd cancels us when the connection is gone."""
        await asyncio.get_running_loop().create_future()


class MailReceiver:
    """Start it, send to (host, port), read `messages`: (envelope sender, recipient, bytes) per recipient.

    `beside` another one it is a second door of the same server: what is recorded, and remembered, is the same.
    With `tls` nobody may send but through STARTTLS, to the name localhost.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        pipelining: bool = True,
        eight_bit: bool = True,
        tls: ssl.SSLContext | None = None,
        slowness: float = 1.0,
        password: str = "",
        beside: "MailReceiver | None" = None,
    ) -> None:
        self.host, self.port = host, 0
        self.password = password  # whoever logs in must know it; without one nobody can log in
        self.logins = 0
        self.pipelining, self.eight_bit, self.tls = pipelining, eight_bit, tls
        self.slowness = slowness
        self.messages: list[Message] = beside.messages if beside else []
        # Whose address each of them came from, and connections by that address.
        self.sources: list[str] = beside.sources if beside else []
        self.callers: Counter[str] = Counter()
        # (recipient, reply), refusals at RCPT and after the dot
        self.refused: list[tuple[str, str]] = beside.refused if beside else []
        self.met_once: set[str] = beside.met_once if beside else set()  # who meets their fault no more
        self.connections = self.taken = 0  # taken: messages, at this door
        self.controller: OurController | None = None

    @property
    def url(self) -> str:
        return f"smtp+tls://localhost:{self.port}" if self.tls else f"smtp://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; after a `stop` again on the same port."""
        self.controller = OurController(self)
        self.controller.start()
        self.port = self.controller.port

    def stop(self) -> None:
        """Cut all connections; nobody listens until the next `start`."""
        if self.controller:
            self.controller.hang_up()
            self.controller.stop()
            self.controller = None

    def received(self) -> list[str]:
        """Recipients of every recorded message, in order of arrival."""
        return [recipient for _, recipient, _ in list(self.messages)]

    def wait_for(self, count: int, within: float = 10.0) -> None:
        """Until `count` messages are recorded."""
        self.wait_until(lambda: len(self.messages) >= count, within)

    def wait_until(self, condition: Callable[[], bool], within: float = 10.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"{len(self.messages)} messages within {within} s"
            time.sleep(0.01)

    def met(self, recipients: Iterable[str], stage: str) -> list[str]:
        """The words of the faults that recipients meet at this stage of this attempt."""
        return [word for address in recipients if (word := self._fault(address, stage))]

    def _fault(self, address: str, stage: str) -> str:
        part = local_part(address)
        word = max(filter(part.startswith, FAULTS), key=len, default="")
        if not word or FAULTS[word][0] != stage or address in self.met_once:
            return ""
        if part.startswith(f"{word}once"):
            self.met_once.add(address)
        return word

    # What aiosmtpd calls.

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        self.callers[caller(session)] += 1
        if self.pipelining:
            responses.insert(1, "250-PIPELINING")
        if not self.eight_bit:
            responses.remove("250-8BITMIME")
        return responses

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        known = isinstance(data, LoginPassword) and data.password.decode() == self.password
        self.logins += known
        return AuthResult(success=known)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        words = self.met([address], "rcpt")
        if not words:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"
        reply = FAULTS[words[0]][1]
        self.refused.append((address, reply))
        return reply

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        if words := self.met(envelope.rcpt_tos, "dot"):
            reply = FAULTS[words[0]][1]
        elif not (self.eight_bit or content.isascii()):
            reply = "554 5.6.3 Not more than seven bits here"
        else:
            self.sources.extend(caller(session) for _ in envelope.rcpt_tos)
            return await self._take(server, envelope, content)
        self.refused.extend((address, reply) for address in envelope.rcpt_tos)
        return reply

    async def _take(self, server: Server, envelope: Envelope, content: bytes) -> str:
        self.messages.extend((envelope.mail_from or "", address, content) for address in envelope.rcpt_tos)
        self.taken += 1
        words = self.met(envelope.rcpt_tos, "reply")
        if "slow" in words:
            await asyncio.sleep(self.slowness)
        if "dropafterdot" in words:
            cut(server)
            await server.end()
        return "250 2.0.0 OK, recorded"


class OurController(Controller):
    """aiosmtpd's thread, able to take any free port and to cut its connections."""

    def __init__(self, receiver: MailReceiver) -> None:
        self.receiver = receiver
        self.servers: list[SMTP] = []
        super().__init__(receiver, hostname=receiver.host, port=receiver.port)

    def factory(self) -> SMTP:
        server = Server(
            self.handler,
            hostname="receiver.example",
            enable_SMTPUTF8=True,
            data_size_limit=50 * 2**20,
            authenticator=self.receiver.authenticate,
            auth_require_tls=not self.receiver.password,
            tls_context=self.receiver.tls,
            require_starttls=self.receiver.tls is not None,
        )
        self.servers.append(server)
        return server

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    def hang_up(self) -> None:
        """Listen no more, and cut all connections, those too that are being accepted at this moment."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result()

    async def _hang_up(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        # What is closed can't finish accepting whom it has begun to accept: first it only listens no more.
        for listening in self.server.sockets:
            self.loop.remove_reader(listening.fileno())
        while len(asyncio.all_tasks()) > 1 or any(server.transport for server in self.servers):
            for server in self.servers:
                cut(server)
            await asyncio.sleep(0)


def cut(server: SMTP) -> None:
    """End the connection at once, whatever is still to be said."""
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


def caller(session: Session) -> str:
    """The address that a connection comes from."""
    return str(session.peer[0]) if isinstance(session.peer, tuple) else ""


def local_part(address: str) -> str:
    return address.rpartition("@")[0].lower()
