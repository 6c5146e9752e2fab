"""Processing, controlling and collecting with a real Cloud: repeated, unreachable, cancelled, done."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from accelerator.protocol import ControlRequest, Desired
from jobs import client, control, results, spool
from jobs.client import CloudClient, CloudRefused
from jobs.models import Job, Notice
from jobs.stages import processing
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import paused, run, run_until, tallied
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_request_id_comes_with_the_submission(frozen: Job, cloud: CloudClient) -> None:
    assert frozen.request_id is None
    job = run(frozen, "processing")
    assert job.request_id == cloud.status(job.pk).request_id
    assert job.counts.transferred == 3
    assert job.transferred_at is not None


def test_a_submission_whose_answer_was_lost_is_repeated_with_the_same_request_id(
    frozen: Job, cloud: CloudClient
) -> None:
    lost = cloud.submit(frozen.pk, processing._request(frozen))
    cloud.put_batch(frozen.pk, 0, spool.read(frozen.batches.get()))
    assert run(frozen, "processing").request_id == lost.request_id


@pytest.mark.usefixtures("no_cloud")
def test_an_unreachable_cloud_only_delays_and_the_job_says_so(frozen: Job) -> None:
    job = run(frozen, "processing")
    assert job.state == State.PROCESSING
    assert "can't be reached" in job.waiting_for
    assert job.waiting_since is not None
    assert cast.step(job, "processing").due_at is not None


@pytest.mark.usefixtures("no_cloud")
def test_a_pause_is_not_granted_before_the_cloud_has_confirmed(frozen: Job, bob: User) -> None:
    job = paused(frozen, bob)
    assert job.state == State.PROCESSING
    assert control.pending(job) is not None
    assert cast.step(job, "controlling").due_at is not None


def test_an_ask_that_the_cloud_has_heard_later_words_than_is_said_again_above_them(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    """As after this database was restored from a copy."""
    job = run(frozen, "processing")
    cloud.control(job.pk, ControlRequest(seq=7, desired=Desired.RUN))
    job = paused(job, bob)
    assert job.state == State.PROCESSING
    job = run(job, "controlling")
    assert job.state == State.PAUSED
    assert cloud.status(job.pk).desired is Desired.PAUSE
    assert cloud.status(job.pk).seq == job.last_ask == 8


def test_a_job_paused_before_its_submission_arrived_learns_its_request_id_later(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    job = paused(frozen, bob)
    assert run(job, "collecting").request_id is None
    request_id = cloud.submit(job.pk, processing._request(job)).request_id
    assert run(job, "collecting").request_id == request_id


def test_pause_and_resume(frozen: Job, cloud: CloudClient, bob: User) -> None:
    job = paused(run(frozen, "processing"), bob)
    assert (job.state, job.paused_from) == (State.PAUSED, State.PROCESSING)
    assert cloud.status(job.pk).desired is Desired.PAUSE
    last = job.transitions.last()
    assert last is not None
    assert last.counts is not None
    assert last.counts["waiting"] == 3
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    job = run(job, "controlling")
    assert job.state == State.PROCESSING
    assert cloud.status(job.pk).desired is Desired.RUN


def test_a_job_paused_before_its_submission_is_accepted_starts_paused(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    job = paused(frozen, bob)
    assert (job.state, job.request_id) == (State.PAUSED, None)
    assert cloud.submit(job.pk, processing._request(job)).desired is Desired.PAUSE


def test_cancelling_what_the_cloud_never_accepted_is_an_extraction_cancel_and_bars_the_door(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    job = paused(frozen, bob)
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    job = run(job, "controlling")
    assert (job.state, job.failure, job.request_id) == (State.FAILED, Failure.EXTRACTION_CANCELLED, None)
    assert Notice.objects.filter(job=job).count() == 1
    with pytest.raises(CloudRefused) as refused:
        cloud.submit(job.pk, processing._request(job))
    assert refused.value.status == 410


def test_cancelling_what_the_cloud_had_accepted_is_a_job_cancel_though_its_answer_was_lost(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    request_id = cloud.submit(frozen.pk, processing._request(frozen)).request_id
    job = paused(frozen, bob)
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    job = run(job, "controlling")
    assert (job.failure, job.request_id) == (Failure.CANCELLED, request_id)
    assert not Notice.objects.exists()
    breakdown = results.breakdown(job)
    assert {segment.name: segment.count for segment in breakdown.segments}["not_sent"] == 3


def test_a_mailing_that_the_cloud_refuses_fails_the_job_after_it_was_stopped(
    frozen: Job, cloud: CloudClient
) -> None:
    cloud.control(frozen.pk, ControlRequest(seq=0, desired=Desired.RUN))
    other = processing._request(frozen).model_copy(update={"supplemental": {"another": "document"}})
    cloud.submit(frozen.pk, other)
    job = run(frozen, "processing")
    assert job.state == State.PROCESSING
    assert control.offers(job) == ()
    job = run(job, "controlling")
    assert (job.state, job.failure) == (State.FAILED, Failure.CLOUD)
    assert "The mailing was stopped" in job.failure_sentence


def test_a_service_that_the_cloud_does_not_know_fails_the_job_before_anybody_is_contacted(
    tmp_path: Path, alice: User, sender: MailReceiver
) -> None:
    people = [(1, "ann@service.example", "Ann")]
    job = cast.job(cast.customers(tmp_path / "w.duckdb", people), alice, service="nonsense")
    job = run(run(job, "initializing"), "processing")
    job = run(job, "controlling")
    assert (job.state, job.failure, job.request_id) == (State.FAILED, Failure.CLOUD, None)
    assert 'This Cloud has no service "nonsense" to send through' in job.failure_sentence
    assert job.failure_sentence.count("Nobody was contacted") == 1
    assert "The mailing was stopped" not in job.failure_sentence
    assert not [address for _, address, _ in sender.messages if address == "ann@service.example"]


def test_from_the_first_contact_to_completed(
    tmp_path: Path, alice: User, sender: MailReceiver, settings: Settings
) -> None:
    settings.COLLECTING_WINDOW = timedelta(seconds=2)
    people = [
        (1, "ann@once.example", "Ann"),
        (2, "reject@once.example", "Ben"),
        (3, "defer@once.example", "Cat"),
    ]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    assert job.counts.model_dump(include={"delivered", "bounced", "deferred"}) == {
        "delivered": 1,
        "bounced": 1,
        "deferred": 1,
    }
    job = run_until(job, "collecting", State.COMPLETED)
    # The retry was called off: nobody is contacted after Completed.
    assert job.counts.model_dump(include={"delivered", "bounced", "deferred", "not_sent"}) == {
        "delivered": 1,
        "bounced": 1,
        "deferred": 0,
        "not_sent": 1,
    }
    # The Cloud is shared: what other tests left there goes out too.
    ours = [recipient for _, recipient, _ in sender.messages if recipient.endswith("@once.example")]
    assert ours == ["ann@once.example"]
    page = client.recipients(job, "bounced")
    assert [(r.recipient_id, r.address) for r in page.recipients] == [("2", "reject@once.example")]
    page = client.recipients(job, "not_sent")
    assert [(r.recipient_id, r.address) for r in page.recipients] == [("3", "defer@once.example")]
    assert tallied(job) == {"deliveries": 1, "hard_bounces": 1}
    assert sorted(job.events.values_list("kind", "recipient_id")) == [("bounced", "2"), ("delivered", "1")]
    assert job.steps.filter(due_at__isnull=False).count() == 0


def test_a_dead_mail_server_holds_the_job_where_it_is(job: Job, sender: MailReceiver) -> None:
    sender.stop()
    job = run(job, "initializing")
    for _ in range(200):
        job = run(job, "processing")
        if job.waiting_for:
            break
        threading.Event().wait(0.05)
    assert job.state == State.PROCESSING
    assert "can't be reached" in job.waiting_for
    sender.start()
    job = run_until(job, "processing", State.COLLECTING)
    assert (job.waiting_for, job.counts.delivered) == ("", 3)
