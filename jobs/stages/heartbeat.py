"""Keeps a step's lease while one long call runs that cannot be cut, and ends the call when the step is taken away."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from accelerator import leases
from jobs.models import Step

logger = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two renewals; also how soon a pause or cancel is noticed
LEASE = 20.0  # seconds the step is kept without one
AGAIN = 0.2  # seconds between two calls of what ends a call


class Heartbeat:
    """Whether the step is still ours; `ends` are called, in the beating thread, when it is not."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._ends: list[Callable[[], None]] = []
        self._stop = threading.Event()
        self._lost = threading.Event()

    def on_loss(self, end: Callable[[], None]) -> None:
        """Have `end` called when the step is taken away, until the block has ended."""
        self._ends.append(end)

    def check(self) -> None:
        """Raises LeaseLost if the step was taken away."""
        if self._lost.is_set():
            raise leases.LeaseLost

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(BEAT):
            try:
                leases.renew(self._step, seconds=LEASE)
                renewed = time.monotonic()
            except leases.LeaseLost:
                break
            except Error:
                logger.warning("step %s: the lease can't be renewed, the database is away", self._step.pk)
                connection.close()
                if time.monotonic() - renewed > LEASE:
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
def beating(step: Step) -> Iterator[Heartbeat]:
    """Keep the step's lease while the block runs. A block that ends after the step was lost raises LeaseLost."""
    heartbeat = Heartbeat(step)
    leases.renew(step, seconds=LEASE)
    thread = threading.Thread(target=heartbeat._run, name=f"heartbeat-{step.pk}", daemon=True)
    thread.start()
    try:
        yield heartbeat
    except leases.LeaseLost:
        raise
    except Exception:
        heartbeat.check()  # the block failed because the step was taken away: that is no error of its own
        raise
    finally:
        heartbeat._stop.set()
        thread.join()
    heartbeat.check()
