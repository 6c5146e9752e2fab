"""An Audience whose size is far from the last one: the Job waits before the freeze until somebody confirms."""

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.db.models.functions import Now

from accelerator import leases
from jobs import control
from jobs.models import Job, Warehouse
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import run

pytestmark = pytest.mark.django_db(transaction=True)


def launched(warehouse: Warehouse, by: User, last: int | None, most: int | None) -> Job:
    """A Job of three customers."""
    return cast.job(warehouse, by, last_size=last, most_change=most)


@pytest.mark.parametrize(
    ("last", "most", "asked"),
    [
        (3, 1, False),
        (2, 50, False),
        (2, 49, True),
        (4, 25, False),
        (4, 24, True),
        (0, 1000, True),
        (None, 1, False),
        (1, None, False),
    ],
)
def test_a_person_is_asked_when_the_share_is_larger(
    warehouse: Warehouse, alice: User, last: int | None, most: int | None, asked: bool
) -> None:
    job = run(launched(warehouse, alice, last, most), "initializing")
    assert job.awaits_confirmation is asked
    assert job.state == (State.INITIALIZING if asked else State.PROCESSING)
    assert job.size_found == (3 if asked else None)


def test_nothing_of_anybody_lies_about_while_it_waits(warehouse: Warehouse, alice: User) -> None:
    job = run(launched(warehouse, alice, 100, 10), "initializing")
    assert not job.batches.exists()
    assert storages["spool"].listdir(str(job.pk)) == ([], [])
    assert cast.step(job, "initializing").due_at is None


def confirmed(job: Job, size: int, by: User) -> Job:
    Job.objects.filter(pk=job.pk).update(
        size_confirmed=size, size_confirmed_by=by, size_confirmed_at=Now(), size_found=None
    )
    leases.wake(job.steps.filter(kind="initializing"))
    return run(job, "initializing")


def test_what_is_confirmed_is_extracted_anew_and_frozen(warehouse: Warehouse, alice: User) -> None:
    job = run(launched(warehouse, alice, 100, 10), "initializing")
    job = confirmed(job, 3, alice)
    assert (job.state, job.extracted) == (State.PROCESSING, 3)


def test_a_size_that_has_changed_again_since_is_asked_about_again(warehouse: Warehouse, alice: User) -> None:
    job = run(launched(warehouse, alice, 100, 10), "initializing")
    job = confirmed(job, 50, alice)
    assert (job.awaits_confirmation, job.size_found) == (True, 3)


def test_cancel_is_an_extraction_cancel_while_it_waits(warehouse: Warehouse, alice: User) -> None:
    job = run(launched(warehouse, alice, 100, 10), "initializing")
    control.ask(job, Wish.CANCEL, by=alice, seen=job.version)
    job.refresh_from_db()
    assert (job.state, job.failure, job.awaits_confirmation) == (
        State.FAILED,
        Failure.EXTRACTION_CANCELLED,
        False,
    )
