"""Celery's part: it carries ids and wakes workers. What is due stands in PostgreSQL; a lost message costs seconds."""

import logging
import uuid

from celery import Task, current_app, shared_task
from kombu.exceptions import OperationalError

from accelerator import ticking
from jobs import health, notices, restoring, retention, steps

logger = logging.getLogger(__name__)

# Wake-ups that may wait in a queue before the sweep adds no more: what is due stays due.
ROOM = 100


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
    restoring.look()
    for kind, queue in steps.QUEUES.items():
        for pk in steps.due(kind)[: _room(queue)]:
            _send(run_step, pk, queue=queue)
    for pk in notices.due()[: _room("jobs")]:
        _send(hand_over, pk, queue="jobs")
    health.swept()


@shared_task
def forget() -> None:
    """Delete what the spool has kept for long enough."""
    retention.sweep()


def wake(job_id: uuid.UUID) -> None:
    """Wake workers for what this Job has due."""
    for pk, kind in steps.due_of(job_id):
        _send(run_step, pk, queue=steps.QUEUES[kind])
    for pk in notices.due(job_id):
        _send(hand_over, pk, queue="jobs")


def _room(queue: str) -> int:
    """How many more wake-ups a queue takes. By its length, not by an expiry: two hosts' clocks may differ."""
    try:
        return max(0, ROOM - ticking.queued(current_app, queue))
    except OperationalError:
        return 0


def _send(task: "Task[[int], None]", pk: int, *, queue: str) -> None:
    try:
        task.apply_async((pk,), queue=queue, retry=False)
    except OperationalError:
        logger.warning("The broker can't be reached; the sweep wakes the workers once it is back.")
