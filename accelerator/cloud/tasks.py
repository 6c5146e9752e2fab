"""Celery's part: wake senders. Messages carry nothing; losing or doubling them changes nothing."""

import logging

from django.conf import settings
from kombu.exceptions import OperationalError

from accelerator.cloud import delivering, dispatching, signing
from accelerator.cloud.celery import app

logger = logging.getLogger(__name__)

# Wake-ups in the queue at most: more senders than that will find their work in the next sweep.
ROOM = 64


@app.task
def work() -> None:
    """Send from a batch that is due, and come back as long as there is one."""
    if delivering.work():
        wake()


@app.task
def sweep() -> None:
    """Every few seconds: wake senders for what is due and nobody's, whatever became of earlier wake-ups."""
    signing.forget_old_nonces()
    for _ in range(min(dispatching.free_batches(), ROOM) - waiting()):
        work.delay()


def wake() -> None:
    """Ask for a sender. Without a broker the sweep does it later, so nobody waits for it."""
    try:
        work.delay()
    except OperationalError:
        logger.warning("the broker is away; the sweep will wake a sender")


def waiting() -> int:
    """Wake-ups that no sender took yet."""
    with app.connection_or_acquire() as connection:
        # Not passive: kombu looks for a passive queue without our key prefix, and never finds it.
        answer = connection.default_channel.queue_declare(settings.CELERY_TASK_DEFAULT_QUEUE)
        return int(answer.message_count)
