"""A service as `carriers` offers it: the lines that this process keeps to each, and what is sent on them."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.conf import settings

from accelerator.cloud import smtp
from accelerator.cloud.lines import Extensions
from accelerator.cloud.services.braking import DOUBTS, Brake
from accelerator.cloud.services.unusable import Unusable
from accelerator.cloud.window import Window

if TYPE_CHECKING:
    from accelerator.cloud.services.building import Service
    from accelerator.cloud.services.line import Line

NOT_INSTALLED = (
    "django-anymail is not installed on this host (uv sync --extra esp, or pip install django-anymail)"
)


def build(name: str) -> "Service":
    """The service of that name, ready to send. Raises Unusable."""
    definition = settings.MAIL_SERVICES.get(name)
    if definition is None:
        raise Unusable(name, "this host does not know it")
    try:
        from accelerator.cloud.services import building  # needs the extra
    except ImportError:
        raise Unusable(name, NOT_INSTALLED) from None
    return building.build(definition)


def problems() -> dict[str, str]:
    """Of each service by name: what is wrong with it as it is configured; empty: nothing."""
    found = {}
    for name in settings.MAIL_SERVICES:
        try:
            build(name)
            found[name] = ""
        except Unusable as error:
            found[name] = str(error)
    return found


class Carrier:
    """One service, for the life of a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.brake = Brake()
        self._lines: list[Line] = []

    def __str__(self) -> str:
        return f'The service "{self.name}"'

    @cached_property
    def service(self) -> "Service":
        return build(self.name)

    def ready(self, window: Window, left: int, wait: Callable[[], bool]) -> "list[Line]":  # noqa: ARG002
        """Lines for the next window; connections are made by calls. Raises smtp.ServerAway or smtp.ServerRefuses."""
        try:
            service = self.service
        except Unusable as error:
            raise smtp.ServerRefuses(str(error)) from None
        if self.brake.closed:
            raise smtp.ServerAway(
                f"{self} gave no clear answer {max(self.brake.doubts, DOUBTS)} times in a row, and whoever that was for"
                f" is Unknown. It is tried again with one recipient in {self.brake.wait:.0f} s"
            )
        wanted = 1 if self.brake.careful else max(1, min(settings.MAIL_SERVICE_LINES, left))
        from accelerator.cloud.services.line import Line  # needs the extra, which is here by now

        self._lines = [line for line in self._lines if line.open]
        while len(self._lines) < wanted:
            self._lines.append(Line(service, settings.MAIL_SERVICE_TIMEOUT))
        return self._lines[:wanted]

    def extensions(self, connected: "Sequence[Line]") -> Extensions:  # noqa: ARG002
        """The texts are taken apart again, so they may be as they are. Of names in other scripts services say nothing,
        and most take none: whoever has one is told of as with a mail server without SMTPUTF8."""
        return Extensions(eight_bit=True, utf8=False)

    def post(self, connected: "Sequence[Line]", source: Any, take: Any, **more: Any) -> None:
        from accelerator.cloud.services.calling import Calling  # needs the extra, as above

        Calling(connected, self.brake, source, take, **more).run()

    def hang_up(self) -> None:
        """End the threads, whatever state they are in."""
        for line in self._lines:
            line.end()
        self._lines = []


_kept: dict[str, Carrier] = {}


def of(name: str) -> Carrier:
    return _kept.setdefault(name, Carrier(name))


def hang_up() -> None:
    """End all lines to all of them."""
    for carrier in _kept.values():
        carrier.hang_up()
