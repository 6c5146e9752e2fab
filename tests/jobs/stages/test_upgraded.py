"""What a version that looked for no leftovers has left behind is deleted after the upgrade."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from jobs import control, lifecycle
from jobs.client import CloudClient
from jobs.models import Job, Step
from jobs.states import Failure, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import run

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = ("jobs", "0007_troubles")


def newest() -> None:
    """Later tables too: whoever comes next finds the database as he expects it."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    newest()


def upgrade(job: Job) -> None:
    """Somebody had died at the Job, behind the last look, in a database as it was then; and the new version came."""
    storages["spool"].save(
        f"{job.pk}/{cast.step(job, 'initializing').epoch - 1}/000000.arrow", ContentFile(b"x")
    )
    MigrationExecutor(connection).migrate([BEFORE])
    newest()


def left(job: Job) -> bool:
    """Whether anything of it is in the spool."""
    return bool(storages["spool"].exists(str(job.pk)) and any(storages["spool"].listdir(str(job.pk))))


def test_a_job_that_was_paused_then_keeps_nothing(job: Job, bob: User, no_cloud: None) -> None:
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    job.steps.filter(kind=Step.Kind.COLLECTING).delete()
    upgrade(job)
    assert cast.step(job, "collecting").due_at is not None
    run(job, "collecting")
    assert not left(job)


def test_nor_does_one_that_had_failed_and_the_cloud_is_asked_for_the_proof(
    job: Job, cloud: CloudClient
) -> None:
    lifecycle.fail(job, Failure.AUDIENCE_SQL, "No such table.")
    job.steps.filter(kind=Step.Kind.COLLECTING).update(due_at=None)
    upgrade(job)
    assert cast.step(job, "collecting").due_at is not None
    assert run(job, "collecting").denied_at is not None
    assert not left(job)
