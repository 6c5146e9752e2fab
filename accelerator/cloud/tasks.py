"""Celery's part: wake senders. Messages carry nothing; losing or doubling them changes nothing."""

import logging

from kombu.exceptions import OperationalError

from accelerator import ticking
from accelerator.cloud import delivering, dispatching, health, restoring, retention, senders, signing
from accelerator.cloud.celery import app

logger = logging.getLogger(__name__)

# Wake-ups in the queue at most: more senders than that will find their work in the next sweep.
ROOM = 64


@app.task
def work() -> None:
    """Send from a batch that is due, and come back as long as there is one."""
    senders.look()  # each on its own machine
    if delivering.work():
        wake()


@app.task
def sweep() -> None:
    """Every few seconds: wake senders for what is due and nobody's, whatever became of earlier wake-ups."""
    restoring.look()
    signing.forget_old_nonces()
    senders.look()
    wake(min(dispatching.free_batches(), ROOM) - waiting())
    health.swept()


@app.task
def forget() -> None:
    """Delete what was kept of people for long enough."""
    retention.sweep()


def wake_all() -> None:
    """Ask for as many senders as find something to do, so that none of them waits for the sweep."""
    wake(min(dispatching.free_batches(), ROOM))


def wake(senders: int = 1) -> None:
    """Ask for senders. Without a broker the sweep does it later, so nobody waits for it."""
    try:
        for _ in range(senders):
            work.delay()
    except OperationalError:
        logger.warning("the broker is away; the sweep will wake a sender")


def waiting() -> int:
    """Wake-ups that no sender took yet."""
    return ticking.queued(app)
