"""Who takes the messages of a mailing: the mail server, or a service by name. Both are used in the same way."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from django.conf import settings

from accelerator.cloud import lines, smtp
from accelerator.cloud.lines import Extensions
from accelerator.cloud.services import carrier
from accelerator.cloud.window import Window


class Carrier(Protocol):
    """Its text names it at the beginning of a sentence. A line's `accepted` counts what was taken on it."""

    def ready(self, window: Window, left: int, wait: Callable[[], bool]) -> Sequence[Any]:
        """Lines for the next window of a batch with so many messages left; none, if `wait` says no before one is there.
        Raises smtp.ServerAway or smtp.ServerRefuses."""

    def extensions(self, connected: Sequence[Any]) -> Extensions:
        """What these lines take."""

    def post(self, connected: Sequence[Any], source: Any, take: Any, **more: Any) -> None:
        """As `smtp.post`."""


class MailServer:
    """That of SMTP_URL."""

    def __str__(self) -> str:
        return f"The mail server {lines.server()}"

    def ready(self, window: Window, left: int, wait: Callable[[], bool]) -> Sequence[Any]:
        return lines.ready(window.lines(settings.SMTP_LINES, left), wait)

    def extensions(self, connected: Sequence[Any]) -> Extensions:
        return lines.extensions(connected)

    def post(self, connected: Sequence[Any], source: Any, take: Any, **more: Any) -> None:
        smtp.post(connected, source, take, **more)


def of(service: str) -> Carrier:
    """By its name in the instructions; empty: the mail server."""
    return carrier.of(service) if service else MailServer()


def hang_up() -> None:
    """Close what this process keeps open, whatever state it is in."""
    lines.hang_up()
    carrier.hang_up()
