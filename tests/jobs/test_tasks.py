"""Waking: a lost, late or frozen broker costs seconds and nothing else; no queue grows without end."""

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from accelerator import leases
from accelerator.celery import app
from accelerator.ticking import queued
from jobs import steps, tasks
from jobs.models import Job, Step, Warehouse
from tests.jobs import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queues() -> None:
    app.control.purge()
    with app.connection_or_acquire() as connection:
        for queue in steps.QUEUES.values():
            connection.default_channel.queue_purge(queue)


def test_the_sweep_wakes_a_worker_for_every_due_step(job: Job) -> None:
    tasks.sweep()
    assert queued(app, "extracting") >= 1


def test_the_sweep_fills_no_queue_that_nobody_empties(warehouse: Warehouse, alice: User) -> None:
    for _ in range(3):
        cast.job(warehouse, alice)
    for _ in range(tasks.ROOM):
        tasks.sweep()
    assert queued(app, "extracting") <= tasks.ROOM + 3


def test_many_waiting_extractions_hide_no_other_step(warehouse: Warehouse, alice: User) -> None:
    jobs = [cast.job(warehouse, alice) for _ in range(3)]
    later = Step.objects.create(job=jobs[0], kind=Step.Kind.PROCESSING)
    leases.wake(Step.objects.filter(pk=later.pk))
    assert steps.due(Step.Kind.PROCESSING, limit=2) == [later.pk]
    assert len(steps.due(Step.Kind.INITIALIZING, limit=2)) == 2


def test_a_worker_is_woken_when_what_it_is_woken_for_is_committed(warehouse: Warehouse, alice: User) -> None:
    with transaction.atomic():
        cast.job(warehouse, alice)
        assert queued(app, "extracting") == 0
    assert queued(app, "extracting") == 1


def test_what_is_rolled_back_wakes_nobody(warehouse: Warehouse, alice: User) -> None:
    with transaction.atomic():
        cast.job(warehouse, alice)
        transaction.set_rollback(True)
    assert queued(app, "extracting") == 0
