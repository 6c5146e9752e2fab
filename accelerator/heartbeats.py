"""Keeps the lease of a piece of work while it is done, and ends what is done when the work is taken away.

So a lease is short, and a killed worker's work is taken up soon, however long one call may take.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from accelerator import leases
from accelerator.leases import Leased

logger = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two renewals; also how soon it is noticed that the work was taken away
AGAIN = 0.2  # seconds between two calls of what ends a call


class Heartbeat:
    """Whether the work is still ours; `ends` are called, in the beating thread, when it is not."""

    def __init__(self, row: Leased, seconds: float) -> None:
        self._row = row
        self._name = f"{type(row).__name__.lower()} {row.pk}"
        self._seconds = seconds
        self._ends: list[Callable[[], None]] = []
        self._stop = threading.Event()
        self._lost = threading.Event()

    def on_loss(self, end: Callable[[], None]) -> None:
        """Have `end` called when the work is taken away, until the block has ended."""
        self._ends.append(end)

    def check(self) -> None:
        """Raises LeaseLost if the work was taken away."""
        if self._lost.is_set():
            raise leases.LeaseLost

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(BEAT):
            try:
                leases.renew(self._row, seconds=self._seconds)
                renewed = time.monotonic()
            except leases.LeaseLost:
                break
            except Error:
                logger.warning("%s: the lease can't be renewed, the database is away", self._name)
                connection.close()
                if time.monotonic() - renewed > self._seconds:
                    break
        else:
            connection.close()
            return
        self._lost.set()
        connection.close()
        # Again and again until the block has ended: a cancel that comes just before the call begins ends nothing.
        while not self._stop.is_set():
            for end in list(self._ends):
                with suppress(Exception):
                    end()
            self._stop.wait(AGAIN)


@contextmanager
def beating(row: Leased, *, seconds: float) -> Iterator[Heartbeat]:
    """Keep the claimed row for `seconds` from each beat while the block runs.

    A block that ends after the row was lost raises LeaseLost.
    """
    heartbeat = Heartbeat(row, seconds)
    thread = threading.Thread(target=heartbeat._run, name=f"heartbeat of {heartbeat._name}", daemon=True)
    thread.start()
    try:
        yield heartbeat
    except leases.LeaseLost:
        raise
    except Exception:
        heartbeat.check()  # the block failed because the work was taken away: that is no error of its own
        raise
    finally:
        heartbeat._stop.set()
        thread.join()
    heartbeat.check()
