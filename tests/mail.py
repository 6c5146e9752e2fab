"""A real mail server for tests, whose behaviour depends on the local part of the address.

ok...             accepted (as is whatever is not named below)
defer...          451 at RCPT
reject...         550 at RCPT
deferdata...      451 after the final dot
rejectdata...     550 after the final dot
dropbeforedot...  the line is cut while the message is being sent: certainly not accepted
dropafterdot...   recorded, then the line is cut before the reply: nobody but the server can know
slow...           accepted after `slowness` seconds

A message is recorded before its reply is sent: the record holds all that a sender may count as accepted.
"""

# ruff: noqa: ARG002, N802 - names and arguments are aiosmtpd's

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Message = tuple[str, str, bytes]


class Server(SMTP):
    """aiosmtpd's server, able to hang up in the middle of a message."""

    async def smtp_DATA(self, arg: str) -> None:
        recipients = self.envelope.rcpt_tos if self.envelope else []
        if any(local_part(address).startswith("dropbeforedot") for address in recipients):
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readline()
            cut(self)
            return
        await super().smtp_DATA(arg)


class MailReceiver:
    """Start it, send to (host, port), read `messages`: (envelope sender, recipient, bytes) per recipient."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        pipelining: bool = True,
        slowness: float = 1.0,
        password: str = "",
    ) -> None:
        self.host, self.port = host, 0
        self.password = password  # whoever logs in must know it; without one nobody can log in
        self.logins = 0
        self.pipelining = pipelining
        self.slowness = slowness
        self.messages: list[Message] = []
        self.sources: list[str] = []  # whose address each of them came from
        self.refused: list[tuple[str, str]] = []  # (recipient, reply), refusals at RCPT and after the dot
        self.connections = 0
        self.callers: Counter[str] = Counter()  # connections by the address that they came from
        self.controller: OurController | None = None

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

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

    # What aiosmtpd calls.

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        self.callers[caller(session)] += 1
        if self.pipelining:
            responses.insert(1, "250-PIPELINING")
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
        part = local_part(address)
        reply = "250 2.1.5 OK"
        if part.startswith("defer") and not part.startswith("deferdata"):
            reply = "451 4.2.1 Greylisted, try again later"
        if part.startswith("reject") and not part.startswith("rejectdata"):
            reply = "550 5.1.1 No such user"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        else:
            self.refused.append((address, reply))
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        parts = [local_part(address) for address in envelope.rcpt_tos]
        for start, reply in (
            ("deferdata", "451 4.3.0 Try again later"),
            ("rejectdata", "554 5.7.1 Looks like spam"),
        ):
            if any(part.startswith(start) for part in parts):
                self.refused += [(address, reply) for address in envelope.rcpt_tos]
                return reply
        content = envelope.original_content or b""
        self.messages += [(envelope.mail_from or "", address, content) for address in envelope.rcpt_tos]
        self.sources += [caller(session)] * len(envelope.rcpt_tos)
        if any(part.startswith("slow") for part in parts):
            await asyncio.sleep(self.slowness)
        if any(part.startswith("dropafterdot") for part in parts):
            cut(server)
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
