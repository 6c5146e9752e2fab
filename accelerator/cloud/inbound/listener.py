"""Hears mails that came back, by SMTP or LMTP (RFC 2033): a mail server hands them on to it.

It takes no mail that is for nobody, and says that it took one when what the mail says is recorded.
"""
# ruff: noqa: ARG002, N802 - names and arguments are aiosmtpd's

import asyncio
import logging
import signal
import socket
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import connection

from accelerator.cloud import ledger
from accelerator.cloud.inbound import speaking, taking, verp

logger = logging.getLogger(__name__)

# Mails that are taken in at once, connections, seconds that a command or a mail may take, and commands of a kind that
# change nothing.
AT_ONCE = 4
MOST_CONNECTIONS = 50
PATIENCE = 120.0
IDLE_COMMANDS = 20

TAKEN = "250 2.0.0 Taken"
LATER = "451 4.3.0 It can't be recorded now; bring it again"
NOBODY = "550 5.1.1 There is nobody of that name here"
ONE_ONLY = "452 4.5.3 One recipient at a time"
BUSY = b"421 4.3.2 Too many connections; come again\r\n"

PROTOCOLS = {"smtp": speaking.Smtp, "lmtp": speaking.Lmtp}

Result = TypeVar("Result")


class Unusable(ValueError):
    """INBOUND_URL can't be used; the text says why."""


@dataclass(frozen=True)
class Address:
    """Where to listen: from smtp://host:port or lmtp://host:port."""

    protocol: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Raises Unusable."""
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urllib.parse.urlsplit(""), None
        if parts.scheme not in PROTOCOLS or not parts.hostname or port is None:
            raise Unusable("INBOUND_URL is written smtp://address:port or lmtp://address:port")
        return cls(parts.scheme, parts.hostname, port)

    def __str__(self) -> str:
        return f"{self.protocol}://{self.host}:{self.port}"


class Handler:
    """What aiosmtpd asks. Whatever goes wrong here, the mail is to be brought again: nobody else has what it says."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE, "inbound")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        # With several, LMTP would want as many answers.
        if envelope.rcpt_tos:
            return ONE_ONLY
        known = await self._apart(partial(_is_ours, address))
        if not known:
            return LATER if known is None else NOBODY
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail, [recipient] = cast("bytes", envelope.content), envelope.rcpt_tos
        return LATER if await self._apart(partial(taking.take, mail, recipient)) is None else TAKEN

    async def _apart(self, act: Callable[[], Result]) -> Result | None:
        """In a thread, because it asks the database; None if it could not be done now."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, _done, act)
        except RuntimeError:  # we are ending
            return None


class Busy(asyncio.Protocol):
    """A connection too many: each may hold a mail in memory."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(BUSY)
        transport.close()


class Connections:
    """Makes what speaks on each connection."""

    def __init__(self, address: Address) -> None:
        self.protocol = PROTOCOLS[address.protocol]
        self.handler = Handler()
        self.made: WeakSet[SMTP] = WeakSet()
        self.name = settings.BOUNCE_DOMAIN or socket.getfqdn()

    def __call__(self) -> asyncio.Protocol:
        if sum(made.transport is not None for made in self.made) >= MOST_CONNECTIONS:
            return Busy()
        speaker = self.protocol(
            self.handler,
            data_size_limit=speaking.SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=self.name,
            ident="Accelerator",
            timeout=PATIENCE,
            command_call_limit={"*": 1_000, "NOOP": IDLE_COMMANDS, "VRFY": IDLE_COMMANDS},
        )
        self.made.add(speaker)
        return speaker


async def serve(address: Address, listening: Callable[[int], object] = lambda _: None) -> None:
    """Until SIGTERM or SIGINT. `listening` is told the port, once somebody may come."""
    # It tells of everybody who comes, with their addresses.
    logging.getLogger("mail").setLevel(logging.CRITICAL)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    connections = Connections(address)
    server = await loop.create_server(connections, address.host, address.port)
    listening(server.sockets[0].getsockname()[1])
    await ended.wait()
    server.close()
    # What is being recorded is recorded. Who hears no answer any more brings the mail again.
    connections.handler.pool.shutdown(cancel_futures=True)


# --- in a thread ----------------------------------------------------------------------------------------


def _done(act: Callable[[], Result]) -> Result | None:
    try:
        return act()
    except ledger.InFlight:
        logger.info("a mail came back before it is known what came of the message: it is to come again")
    except Exception as error:  # noqa: BLE001  a mistake of ours, too, must not cost the mail
        logger.error("a mail could not be taken in: %s", type(error).__name__)  # noqa: TRY400  it may quote the mail
    finally:
        connection.close()
    return None


def _is_ours(address: str) -> bool:
    """Whatever the domain: it may have been another one when the message was sent."""
    return address.lower() in settings.INBOUND_ADDRESSES or any(verp.find(address))
