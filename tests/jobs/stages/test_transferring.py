"""Transferring: a batch is noted once the Cloud has it; one that it lost is transferred again only if it knows that."""

import psycopg
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from accelerator import leases, protocol
from accelerator.protocol import Counts, MailingState, MailingStatus
from jobs.client import CloudClient, CloudUnreachable
from jobs.models import Job, Step, Warehouse
from jobs.stages import processing, transferring
from jobs.states import State
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def nowhere() -> CloudClient:
    """Nobody answers."""
    return CloudClient("http://127.0.0.1:1", protocol.Key.parse("tests:secret"))


def held(job: Job, kind: str) -> Step:
    leases.wake(job.steps.filter(kind=kind))
    step = leases.claim(Step.objects.all(), cast.step(job, kind).pk, seconds=60)
    assert step is not None
    return step


def says(job: Job, *, transferred: int, restored: bool) -> MailingStatus:
    counts = Counts(transferred=transferred, waiting=transferred)
    return MailingStatus(
        key=str(job.pk), state=MailingState.PAUSED, request_id="02-x", counts=counts, restored=restored
    )


def test_a_batch_that_the_cloud_did_not_get_is_not_noted(frozen: Job, nowhere: CloudClient) -> None:
    step = held(frozen, "processing")
    with pytest.raises(CloudUnreachable):
        transferring.transfer(step, nowhere)
    assert frozen.batches.filter(transferred_at=None).count() == frozen.batches.count() > 0
    assert fresh(frozen).transferred_at is None
    nowhere.close()


def test_all_batches_are_handed_over_and_noted(frozen: Job, cloud: CloudClient) -> None:
    job = run(frozen, "processing")
    assert job.transferred_at is not None, job.waiting_for
    assert not job.batches.filter(transferred_at=None).exists()
    assert cloud.status(job.pk).counts.transferred == job.extracted


def test_the_cloud_is_told_whose_list_holds_and_nothing_to_jobs_that_were_launched_before_there_were_any(
    frozen: Job, cloud: CloudClient, cloud_database: str
) -> None:
    run(frozen, "processing")
    with psycopg.connect(cloud_database) as database:
        told = database.execute("SELECT account FROM cloud_mailing WHERE key = %s", [frozen.pk]).fetchone()
    assert told == (str(frozen.account_id),)
    del frozen.instructions_document["account"]
    assert processing._request(frozen).instructions.account == ""


def test_a_step_whose_time_is_over_is_due_again_at_once(
    frozen: Job, cloud: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hasty:
        hasty.setattr(transferring, "BUDGET", -1.0)
        job = run(frozen, "processing")
    assert job.transferred_at is None
    assert job.request_id is not None
    assert cast.step(job, "processing").pk in leases.due(job.steps.all(), 10)
    assert run(job, "processing").transferred_at is not None


def test_a_step_that_was_taken_away_ends_behind_the_batch_it_is_at(
    job: Job, cloud: CloudClient, settings: Settings
) -> None:
    settings.BATCH_RECORDS = 1
    frozen = run(job, "initializing")
    step = held(frozen, "processing")
    cloud.submit(frozen.pk, processing._request(frozen))
    leases.wake(frozen.steps.filter(kind="processing"))
    with pytest.raises(leases.LeaseLost):
        transferring.transfer(step, cloud)
    assert cloud.status(frozen.pk).counts.transferred == 1 < frozen.batches.count()
    assert not frozen.batches.exclude(transferred_at=None).exists()
    # Whoever has it now transfers that one again, and the others.
    assert run(frozen, "processing").transferred_at is not None
    assert cloud.status(frozen.pk).counts.transferred == frozen.extracted


def test_a_cloud_that_has_all_of_them_is_complete(frozen: Job) -> None:
    Job.objects.filter(pk=frozen.pk).update(transferred_at=timezone.now())
    step = held(frozen, "processing")
    assert transferring.complete(step, says(frozen, transferred=frozen.extracted or 0, restored=False))


def test_a_cloud_that_lost_batches_and_does_not_know_it_gets_nothing(frozen: Job) -> None:
    """It would send to them again."""
    Job.objects.filter(pk=frozen.pk).update(transferred_at=timezone.now())
    frozen.batches.update(transferred_at=timezone.now())
    step = held(frozen, "processing")
    with pytest.raises(CloudUnreachable, match="restored from an older copy"):
        transferring.complete(step, says(frozen, transferred=0, restored=False))
    assert not frozen.batches.filter(transferred_at=None).exists()


def test_a_cloud_that_knows_that_it_was_restored_gets_them_again(frozen: Job) -> None:
    Job.objects.filter(pk=frozen.pk).update(transferred_at=timezone.now())
    frozen.batches.update(transferred_at=timezone.now())
    step = held(frozen, "processing")
    assert not transferring.complete(step, says(frozen, transferred=0, restored=True))
    assert fresh(frozen).transferred_at is None
    assert frozen.batches.filter(transferred_at=None).count() == frozen.batches.count()


def test_a_job_that_is_still_being_transferred_lacks_nothing(
    frozen: Job, alice: User, warehouse: Warehouse
) -> None:
    step = held(frozen, "processing")
    assert frozen.state == State.PROCESSING
    assert transferring.complete(step, says(frozen, transferred=0, restored=False))
