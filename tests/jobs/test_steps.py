"""Steps: what is claimed is done by what the Job is then, and not by what it was a moment before."""

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accelerator import leases
from jobs import control, steps
from jobs.models import Job
from jobs.states import State, Wish
from tests.accelerator.waiting import until
from tests.jobs import cast

pytestmark = pytest.mark.django_db(transaction=True)

Execute = Callable[..., object]


def claiming() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%FOR UPDATE%' AND wait_event = 'PgSleep'"
        )
        return bool(cursor.fetchone()[0])


def test_a_claim_that_crosses_a_move_leaves_nothing_undone(job: Job, bob: User) -> None:
    """The claim begins while the Job is Paused, and gets its row when it was resumed."""
    control.ask(job, Wish.PAUSE, by=bob, seen=0)
    leases.wake(job.steps.all())

    def slowly(execute: Execute, sql: str, params: object, many: bool, context: object) -> object:
        if "FOR UPDATE" in sql and "jobs_step" in sql:
            sql = sql.replace(" WHERE ", " WHERE pg_sleep(1) IS NOT NULL AND ", 1)
        return execute(sql, params, many, context)

    def work() -> None:
        try:
            with connection.execute_wrapper(slowly):
                steps.run(cast.step(job, "initializing").pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    until(claiming)
    control.ask(job, Wish.RESUME, by=bob, seen=1)
    worker.join()
    job.refresh_from_db()
    done = job.state == State.PROCESSING
    assert done or cast.step(job, "initializing").due_at is not None
