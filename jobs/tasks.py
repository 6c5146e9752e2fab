"""Celery's part: it carries ids and wakes workers. What is due stands in PostgreSQL; a lost message costs seconds."""

import logging
import uuid

from celery import shared_task
from kombu.exceptions import OperationalError

from jobs import notices, steps

logger = logging.getLogger(__name__)

# Seconds after which a wake-up is void: the sweep has sent another by then, and a busy worker's queue stays short.
EXPIRES = 10


@shared_task
def run_step(pk: int) -> None:
    """Run a step if it is due and free, then wake what it made due."""
    job_id = steps.run(pk)
    if job_id is not None:
        wake(job_id)


@shared_task
def hand_over(pk: int) -> None:
    """Hand a notification mail over."""
    notices.hand_over(pk)


@shared_task
def sweep() -> None:
    """Wake a worker for everything that is due and unowned: what makes lost messages and dead workers harmless."""
    _dispatch(steps.due())
    _dispatch_notices(notices.due())


def wake(job_id: uuid.UUID) -> None:
    """Wake workers for what this Job has due."""
    _dispatch(steps.due(job_id))
    _dispatch_notices(notices.due(job_id))


def _dispatch(due: list[tuple[int, str]]) -> None:
    for pk, kind in due:
        _send(run_step, pk, queue=steps.QUEUES[kind])


def _dispatch_notices(due: list[int]) -> None:
    for pk in due:
        _send(hand_over, pk, queue="jobs")


def _send(task, pk: int, *, queue: str) -> None:  # type: ignore[no-untyped-def]
    try:
        task.apply_async((pk,), queue=queue, expires=EXPIRES, retry=False)
    except OperationalError:
        logger.warning("The broker can't be reached; the sweep wakes the workers once it is back.")
