"""Celery's part: wake a sender. Messages carry nothing, and losing or doubling them changes nothing."""

import logging

from kombu.exceptions import OperationalError

from accelerator.cloud.celery import app

logger = logging.getLogger(__name__)


@app.task
def work() -> None:
    """Send from a batch that is due for a while, and come back as long as there was one."""


def wake() -> None:
    """Ask for a sender. Without a broker the sweep does it later, so nobody waits for it."""
    try:
        work.delay()
    except OperationalError:
        logger.warning("the broker is away; the sweep will wake a sender")
