"""A database restored from an older copy, the dashboard's or the Cloud's: all is held, and nobody is sent to again."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from accelerator import leases
from accelerator.embedded import databases
from accelerator.protocol import ControlRequest, Desired, MailingState
from jobs import control, restoring, steps
from jobs.client import CloudClient, CloudUnreachable
from jobs.models import Ask, Generation, Job, Notice, Warehouse
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, paused, run, run_until
from tests.mail import MailReceiver
from tests.older import OlderCopy

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 40


@pytest.fixture
def older() -> Iterator[OlderCopy]:
    copy = OlderCopy()
    yield copy
    copy.drop()


@pytest.fixture
def older_cloud(cloud: CloudClient, cloud_database: str) -> Iterator[OlderCopy]:
    copy = OlderCopy(databases.name_of(cloud_database))
    yield copy
    copy.drop()
    # The Cloud is everybody's: if it has not noticed yet, it does so here, and not in the midst of the next test.
    wish = ControlRequest(seq=0, desired=Desired.PAUSE)
    with suppress(CloudUnreachable):
        cloud.control(uuid.uuid4(), wish)
    cloud.control(uuid.uuid4(), wish)


@pytest.fixture
def many(tmp_path: Path, alice: User) -> Job:
    """Initializing, for people in several batches."""
    warehouse = cast.customers(
        tmp_path / "many.duckdb", [(n, f"ok{n}@customers.example", "Bob") for n in range(PEOPLE)]
    )
    return cast.job(warehouse, alice)


def rest_of_it(job: Job) -> Job:
    """From the freeze to Collecting."""
    job = run(job, "processing")
    return run_until(job, "processing", State.COLLECTING)


def most(receiver: MailReceiver) -> int:
    return max(Counter(receiver.received()).values(), default=0)


# --- the dashboard's -------------------------------------------------------------------------------------


def test_a_job_that_was_sent_since_the_copy_is_stopped_and_says_what_the_cloud_knows(
    older: OlderCopy, many: Job, cloud: CloudClient, sender: MailReceiver
) -> None:
    older.take()
    rest_of_it(run(many, "initializing"))
    older.restore()

    restoring.look()
    ask = many.asks.get()
    assert (ask.wish, ask.by, ask.outcome) == (Wish.PAUSE, None, Ask.Outcome.PENDING)
    assert fresh(many).state == State.INITIALIZING
    steps.run(cast.step(many, "initializing").pk)  # not due: nothing is extracted again
    assert fresh(many).extraction_started_at is None

    job = run(many, "controlling")
    assert (job.state, job.failure) == (State.FAILED, Failure.INTERNAL)
    assert job.request_id is not None
    assert f"{PEOPLE} of {PEOPLE} people had received the message" in job.failure_sentence
    assert not Notice.objects.filter(job=job).exists()
    assert cloud.status(job.pk).state == MailingState.CANCELLED
    job = run(job, "collecting")
    assert job.counts.delivered == PEOPLE
    assert job.tallies.get(measure="deliveries").total == PEOPLE
    assert (len(sender.messages), most(sender)) == (PEOPLE, 1)


def test_a_job_that_the_cloud_never_had_is_paused_and_can_be_resumed(
    older: OlderCopy, many: Job, bob: User, sender: MailReceiver
) -> None:
    older.take()
    control.ask(many, Wish.PAUSE, by=bob, seen=0)
    older.restore()
    restoring.look()
    job = run(many, "controlling")
    assert (job.state, job.paused_from) == (State.PAUSED, State.INITIALIZING)
    assert "older copy" in job.transitions.last().why  # type: ignore[union-attr]
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    rest_of_it(run(job, "initializing"))
    assert (len(sender.messages), most(sender)) == (PEOPLE, 1)


def test_a_cancel_in_review_promises_nothing(
    older: OlderCopy, many: Job, bob: User, cloud: CloudClient
) -> None:
    older.take()
    control.ask(many, Wish.PAUSE, by=bob, seen=0)
    older.restore()
    restoring.look()
    job = run(many, "controlling")
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    job = fresh(job)
    assert (job.state, job.failure) == (State.FAILED, Failure.CANCELLED)
    assert "Nobody was contacted" not in job.failure_sentence
    assert "mail server's log" in job.failure_sentence
    assert not Notice.objects.filter(job=job).exists()


def test_a_job_that_was_being_submitted_is_paused_and_goes_on_where_the_cloud_is(
    older: OlderCopy, many: Job, bob: User, sender: MailReceiver
) -> None:
    job = run(many, "initializing")
    older.take()
    rest_of_it(job)
    older.restore()
    restoring.look()
    job = run(job, "controlling")
    assert (job.state, job.paused_from) == (State.PAUSED, State.PROCESSING)
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    job = rest_of_it(run(job, "controlling"))
    assert job.counts.delivered == PEOPLE
    assert (len(sender.messages), most(sender)) == (PEOPLE, 1)


def test_a_resume_of_the_copy_is_not_told_against_a_later_pause(
    older: OlderCopy, many: Job, bob: User, cloud: CloudClient
) -> None:
    job = paused(run(run(many, "initializing"), "processing"), bob)
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    older.take()
    run(job, "controlling")
    control.ask(fresh(job), Wish.PAUSE, by=bob, seen=fresh(job).version)
    run(job, "controlling")
    older.restore()

    job = run(job, "controlling")  # the first worker that comes notices it
    assert cloud.status(job.pk).state == MailingState.PAUSED
    job = run(job, "controlling")
    assert job.state == State.PAUSED
    assert cloud.status(job.pk).state == MailingState.PAUSED
    outcomes = list(job.asks.values_list("wish", "outcome").order_by("number"))
    assert outcomes == [("pause", "granted"), ("resume", "withdrawn"), ("pause", "granted")]


def test_a_cancel_of_the_copy_stays_one(older: OlderCopy, many: Job, bob: User, cloud: CloudClient) -> None:
    job = paused(run(run(many, "initializing"), "processing"), bob)
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    older.take()
    job = run(job, "controlling")
    older.restore()
    restoring.look()
    assert run(job, "controlling").failure == Failure.CANCELLED


def test_a_notification_mail_that_may_have_left_is_unknown(
    older: OlderCopy, many: Job, bob: User, warehouse: Warehouse
) -> None:
    control.ask(many, Wish.CANCEL, by=bob, seen=0)
    older.take()
    other = cast.job(warehouse, bob)
    assert Job.objects.filter(pk=other.pk).exists()
    older.restore()
    restoring.look()
    notice = Notice.objects.get(job=many)
    assert notice.outcome == Notice.Outcome.UNKNOWN
    assert notice.due_at is None


def test_nothing_is_launched_until_somebody_has_reviewed_it(older: OlderCopy, many: Job, bob: User) -> None:
    assert control.held() == ""
    older.take()
    control.ask(many, Wish.PAUSE, by=bob, seen=0)
    older.restore()
    with pytest.raises(control.AskRefused, match="older copy"):
        control.ask(fresh(many), Wish.PAUSE, by=bob, seen=0)
    assert "older copy" in control.held()
    assert restoring.reviewed()
    assert control.held() == ""
    restoring.look()
    assert Generation.objects.count() == 1


def test_a_new_database_in_the_place_of_another_holds_nothing(
    older: OlderCopy, warehouse: Warehouse, bob: User
) -> None:
    older.take()
    cast.job(warehouse, bob)
    older.restore()
    restoring.look()
    assert not Job.objects.exists()
    assert control.held() == ""


# --- the Cloud's -----------------------------------------------------------------------------------------


def test_when_the_cloud_lost_everything_since_the_job_is_held_and_all_of_it_unknown(
    older_cloud: OlderCopy, many: Job, bob: User, sender: MailReceiver
) -> None:
    job = run(many, "initializing")
    job = run_until(job, "processing", State.PROCESSING)
    older_cloud.take()
    job = run_until(job, "processing", State.COLLECTING)
    older_cloud.restore()
    job = run_until(job, "collecting", State.PAUSED)
    assert "older copy" in job.transitions.last().why  # type: ignore[union-attr]
    for _ in range(400):
        job = run(job, "collecting")
        if job.counts.at_rest and job.counts.transferred == PEOPLE:
            break
        threading.Event().wait(0.05)
    counts = job.counts
    assert counts.delivered + counts.unknown == PEOPLE
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    job = run(job, "controlling")
    assert job.state == State.COLLECTING
    leases.wake(job.steps.all())
    assert (len(sender.messages), most(sender)) == (PEOPLE, 1)


def test_an_ask_that_the_cloud_forgot_hides_no_restoration(
    older_cloud: OlderCopy, many: Job, bob: User, sender: MailReceiver
) -> None:
    job = run(run(many, "initializing"), "processing")
    older_cloud.take()
    job = paused(job, bob)
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    job = run_until(run(job, "controlling"), "processing", State.COLLECTING)
    older_cloud.restore()
    job = run_until(job, "collecting", State.PAUSED)
    assert "older copy" in job.transitions.last().why  # type: ignore[union-attr]
    assert most(sender) == 1


def test_when_the_cloud_does_not_know_the_job_any_more_nobody_is_sent_to_again(
    older_cloud: OlderCopy, many: Job, sender: MailReceiver
) -> None:
    job = run(many, "initializing")
    older_cloud.take()
    job = run(job, "processing")
    job = run_until(job, "processing", State.COLLECTING)
    older_cloud.restore()
    job = run(job, "collecting")
    assert job.state == State.COLLECTING
    assert job.waiting_for
    Job.objects.filter(pk=job.pk).update(collecting_until=job.created_at)
    job = run(job, "collecting")
    assert job.state == State.COMPLETED
    counts = job.counts
    assert (counts.delivered, counts.unknown, counts.transferred) == (PEOPLE, 0, PEOPLE)
    assert (len(sender.messages), most(sender)) == (PEOPLE, 1)
