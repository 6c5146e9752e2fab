"""The lines to the mail server that this process keeps open from one batch to the next.

One is needed; more are opened in the background while messages go out on those there are, as many as the server
takes.
"""

import ipaddress
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna
from django.conf import settings

from accelerator.cloud import smtp

# Seconds between two looks while the first is being opened, and until a server that took no more is asked again.
LOOK = 0.1
FULL = 60.0
# Seconds of an answer that say that the server is silent.
SILENT = 1.0

_kept: list[smtp.Line] = []
_opening: "_Opening | None" = None
_full_until = 0.0


@dataclass(frozen=True)
class Extensions:
    """What all of some lines take."""

    eight_bit: bool
    utf8: bool


def extensions(lines: Sequence[smtp.Line]) -> Extensions:
    return Extensions(all(line.eight_bit for line in lines), all(line.utf8 for line in lines))


def own_name(url: str) -> str:
    """What a client calls itself, by its URL: a host's name in ASCII, or an address in brackets (RFC 5321, 4.1.3)."""
    host = urlsplit(url).hostname or "localhost"
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        return f"[{'IPv6:' if address.version == 6 else ''}{address}]"
    with suppress(UnicodeError):
        return host if host.isascii() else idna.encode(host, uts46=True).decode()
    return "localhost"


def server() -> smtp.Server:
    return smtp.Server.parse(settings.SMTP_URL)


def ready(wanted: int, wait: Callable[[], bool]) -> list[smtp.Line]:
    """Lines that work: `wanted` at most, and one at least, unless `wait`, asked again and again while the first is
    being opened, said no more. Raises smtp.ServerAway or smtp.ServerRefuses."""
    global _opening
    _drop_dead()
    while True:
        if _opening is not None and not _opening.is_alive():
            opened, _opening = _opening, None
            _welcome(opened)
        if len(_kept) < wanted and _opening is None and (not _kept or time.monotonic() > _full_until):
            _opening = _Opening()
            _opening.start()
        if _kept or not wait():
            return _kept[:wanted]
        if _opening is not None:
            _opening.join(LOOK)


def hang_up() -> None:
    """Close them all, whatever state they are in."""
    global _opening, _full_until
    if _opening is not None:
        _opening.abandon()
        _opening = None
    for line in _kept:
        line.close(politely=True)
    _kept.clear()
    _full_until = 0.0


def _welcome(opened: "_Opening") -> None:
    global _full_until
    if opened.line is not None:
        _kept.append(opened.line)
    elif opened.error is not None:
        if not _kept:
            raise opened.error
        _full_until = time.monotonic() + FULL


def _drop_dead() -> None:
    """A server that is silent on one is not waited for on the others."""
    silent = False
    for line in tuple(_kept):
        began = time.monotonic()
        if silent or not line.alive():
            line.close(politely=True)
            _kept.remove(line)
        silent |= time.monotonic() - began > SILENT


class _Opening(threading.Thread):
    """One line being set up, which may take minutes, apart from whoever has a batch to keep."""

    def __init__(self) -> None:
        super().__init__(name="opens a line to the mail server", daemon=True)
        self.line: smtp.Line | None = None
        self.error: Exception | None = None
        self._server = server()
        self._timeouts = smtp.Timeouts(
            connect=settings.SMTP_CONNECT_TIMEOUT,
            reply=settings.SMTP_REPLY_TIMEOUT,
            data=min(settings.SMTP_REPLY_TIMEOUT, smtp.Timeouts.data),
            block=min(settings.SMTP_REPLY_TIMEOUT, smtp.Timeouts.block),
            acceptance=settings.SMTP_ACCEPTANCE_TIMEOUT,
        )
        self._name = own_name(settings.CLOUD_PUBLIC_URL)
        self._lock, self._wanted = threading.Lock(), True

    def run(self) -> None:
        try:
            line = smtp.connect(self._server, self._timeouts, name=self._name)
        except Exception as error:  # noqa: BLE001  raised by whoever wants the line
            self.error = error
            return
        with self._lock:
            self.line = line
            if not self._wanted:
                line.close(politely=True)

    def abandon(self) -> None:
        with self._lock:
            self._wanted = False
            if self.line is not None:
                self.line.close(politely=True)
