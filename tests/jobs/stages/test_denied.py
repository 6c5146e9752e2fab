"""The proof after an Extraction Cancel: the Cloud, asked, knows no such mailing."""

import logging
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import F

from accelerator import leases
from accelerator.protocol import ControlRequest, Desired, MailingState
from jobs import control, spool, steps
from jobs.client import CloudClient
from jobs.models import Job, Step, Warehouse
from jobs.stages import leftovers, processing
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cancelled(job: Job, alice: User) -> Job:
    """An Extraction Cancel."""
    control.ask(job, Wish.CANCEL, by=alice, seen=job.version)
    job.refresh_from_db()
    assert job.failure == Failure.EXTRACTION_CANCELLED
    return job


@pytest.fixture
def cancelled_late(frozen: Job) -> Job:
    """Cancelled after the freeze, before the Cloud had accepted it."""
    Job.objects.filter(pk=frozen.pk).update(
        state=State.FAILED,
        failure=Failure.EXTRACTION_CANCELLED,
        failure_sentence="It was cancelled. Nobody was contacted.",
    )
    frozen.steps.create(kind=Step.Kind.COLLECTING)
    return fresh(frozen)


def readable(job: Job) -> list[bytes]:
    """The batches that are in the spool."""
    return [spool.read(batch) for batch in job.batches.all()]


def test_a_cloud_that_knows_no_such_mailing_is_the_proof(cancelled: Job, cloud: CloudClient) -> None:
    assert cast.step(cancelled, "collecting").due_at is not None
    job = run(cancelled, "collecting")
    assert job.denied_at is not None
    # Once more for whoever had not noticed the cancel by then; and then no more.
    Job.objects.update(state_since=F("state_since") - timedelta(seconds=leftovers.NOTICING))
    assert run(job, "collecting").denied_at == job.denied_at
    assert cast.step(job, "collecting").due_at is None


def test_a_cloud_that_is_away_proves_nothing_and_is_asked_again(cancelled: Job, no_cloud: None) -> None:
    job = run(cancelled, "collecting")
    assert job.denied_at is None
    assert cast.step(job, "collecting").due_at is not None


@pytest.mark.parametrize("word", [1, 7])
def test_a_mailing_that_the_cloud_has_against_all_we_know_is_stopped_and_shown(
    cancelled_late: Job, cloud: CloudClient, caplog: pytest.LogCaptureFixture, word: int
) -> None:
    """It can't be, which is why somebody must look, for as long as records are kept at all."""
    request_id = cloud.submit(cancelled_late.pk, processing._request(cancelled_late)).request_id
    for batch in cancelled_late.batches.all():
        cloud.put_batch(cancelled_late.pk, batch.number, spool.read(batch))
    cloud.control(cancelled_late.pk, ControlRequest(seq=word, desired=Desired.RUN))
    job = run(cancelled_late, "collecting")
    assert (job.denied_at, job.request_id, job.extracted) == (None, request_id, 3)
    assert cloud.status(job.pk).state is MailingState.CANCELLED
    assert "Nobody was contacted" not in job.failure_sentence
    assert "0 people had received the message or may have" in job.failure_sentence
    [told] = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert str(job.pk) in told.getMessage()
    assert run(job, "collecting").counts.not_sent == 3
    assert readable(job)


def test_the_records_of_a_job_that_was_frozen_stay_until_the_cloud_denies_it(
    cancelled_late: Job, no_cloud: None
) -> None:
    job = run(cancelled_late, "collecting")
    assert readable(job)
    assert cast.step(job, "collecting").due_at is not None


@pytest.mark.parametrize("told", [False, True])
def test_and_no_longer(cancelled_late: Job, cloud: CloudClient, told: bool) -> None:
    """Whether the Cloud has never heard of the Job, or of its cancel alone."""
    if told:
        cloud.control(cancelled_late.pk, ControlRequest(seq=1, desired=Desired.CANCEL))
    leases.wake(cancelled_late.steps.filter(kind=Step.Kind.COLLECTING))
    for _ in range(2):
        steps.run(cast.step(cancelled_late, "collecting").pk)
    assert fresh(cancelled_late).denied_at is not None
    assert not storages["spool"].exists(str(cancelled_late.pk))


def test_nothing_of_a_cancelled_extraction_is_kept(cancelled: Job, cloud: CloudClient) -> None:
    storages["spool"].save(f"{cancelled.pk}/1/000000.arrow", ContentFile(b"x"))
    storages["spool"].save(f"{cancelled.pk}/dropped-1.csv", ContentFile(b"x"))
    Job.objects.filter(pk=cancelled.pk).update(dropped_file=f"{cancelled.pk}/dropped-1.csv")
    job = run(cancelled, "collecting")
    assert job.dropped_file == ""
    assert not storages["spool"].exists(str(job.pk))


def test_who_failed_keeps_the_list_that_says_why(
    warehouse: Warehouse, alice: User, cloud: CloudClient
) -> None:
    sql = "SELECT id, CASE WHEN id = 1 THEN email ELSE 'none' END AS email, first_name FROM customers"
    job = run(cast.job(warehouse, alice, sql=sql), "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    job = run(job, "collecting")
    assert job.denied_at is not None
    assert storages["spool"].exists(job.dropped_file)
