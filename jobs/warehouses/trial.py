"""Tries Warehouses out and says in sentences how they are: answered or not, what the role may do too much, what to do.

No secret is in what is said, whatever a driver raises (`hushing`).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jobs import warehouses
from jobs.models import Warehouse
from jobs.reading.errors import LocationRefused, WarehouseError, WarehouseUnsafe
from jobs.warehouses import Stream, guide, rightroles

logger = logging.getLogger(__name__)

# Seconds for all that are tried together; each has shorter ones of its own, of which several may add up.
WITHIN = 60.0

ANSWERS, UNSAFE, FAILS = "answers", "unsafe", "fails"


@dataclass(frozen=True)
class Trial:
    """How a Warehouse is. `statements` make a right role, and are "" where nothing is wrong with it."""

    warehouse: Warehouse
    outcome: str  # ANSWERS, UNSAFE or FAILS
    sentence: str
    warnings: list[str] = field(default_factory=list)
    seconds: float | None = None  # from nothing to the answer to a SELECT
    statements: str = ""

    @property
    def answers(self) -> bool:
        return self.outcome == ANSWERS

    @property
    def advice(self) -> str:
        """What to look at where it does not answer."""
        if self.outcome != FAILS:
            return ""
        about = guide.of(self.warehouse.kind)
        return f"The location looks like {about.location}; the secret is {about.secret}."


def tried(chosen: Iterable[Warehouse], *, within: float = WITHIN) -> list[Trial]:
    """All of them beside each other: one that hangs is a finding, and keeps no other from its own."""
    looks = [_Look(warehouse) for warehouse in chosen]
    for look in looks:
        # A daemon: what hangs keeps no process from ending.
        threading.Thread(target=look.run, name="trial of a warehouse", daemon=True).start()
    deadline = time.monotonic() + within
    return [
        look.wait(max(0.0, deadline - time.monotonic())) or _silent(look.warehouse, within) for look in looks
    ]


class _Look:
    """One Warehouse, looked at in a thread of its own. It asks the dashboard's database nothing."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._done = threading.Event()
        self._found: Trial | None = None
        self._stream: Stream | None = None

    def run(self) -> None:
        try:
            self._found = _explained(self.warehouse, self._answer)
        finally:
            self._done.set()

    def wait(self, seconds: float) -> Trial | None:
        """None if it takes longer. Then its query is ended; a connection that is not there yet gives up by itself."""
        if self._done.wait(seconds):
            return self._found
        if self._stream is not None:
            self._stream.cancel()
        return None

    def _answer(self) -> tuple[float, list[str]]:
        """The seconds until a SELECT was answered, asked as an extraction does, and warnings. Raises WarehouseError."""
        began = time.monotonic()
        with warehouses.open_stream(self.warehouse, "SELECT 1 AS one") as stream:
            self._stream = stream
            stream.start()
            seconds = time.monotonic() - began
        return seconds, warehouses.examine(self.warehouse)


def _explained(warehouse: Warehouse, answer: Callable[[], tuple[float, list[str]]]) -> Trial:
    """What the answer says, or why there is none."""
    try:
        seconds, said = answer()
    except WarehouseUnsafe as error:
        return Trial(warehouse, UNSAFE, str(error), statements=_statements(warehouse, needed=True))
    except LocationRefused as error:
        return Trial(warehouse, UNSAFE, str(error))  # no role would mend it
    except WarehouseError as error:
        return Trial(warehouse, FAILS, str(error))
    except Exception as error:  # noqa: BLE001  whatever a driver raises; what it holds must not reach a log
        name = type(error).__name__
        logger.error("The connector of a %s failed when it was tried (%s).", warehouse.kind, name)  # noqa: TRY400
        words = " ".join(str(error).split())[:300]
        return Trial(
            warehouse, FAILS, f"The connector failed in a way that was not expected ({name}): {words}"
        )
    sentence = f"It answers: to connect and to be answered a SELECT took {seconds:.2f} seconds."
    if not said:
        sentence += " Nothing was found that its role could do beside reading."
    return Trial(
        warehouse,
        ANSWERS,
        sentence,
        said,
        seconds,
        _statements(warehouse, needed=bool(said)),
    )


def _statements(warehouse: Warehouse, *, needed: bool) -> str:
    """What makes a right role. A file has none: no role is to blame for what is said of it."""
    if not needed or guide.is_file(warehouse.kind):
        return ""
    return rightroles.statements(warehouse.kind, warehouse.location, another=True)


def _silent(warehouse: Warehouse, within: float) -> Trial:
    return Trial(
        warehouse,
        FAILS,
        f"There was no answer within {within:g} seconds. Does the location name the right host and port, and does "
        "nothing between, such as a firewall, drop what is sent? For what sleeps and has to wake first, "
        "`manage.py warehouse test` waits longer: --within SECONDS.",
    )
