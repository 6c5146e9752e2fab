"""Processing, controlling and collecting with a real Cloud: repeated, unreachable, cancelled, done."""

import json
import threading
import uuid
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from accelerator import leases
from accelerator.protocol import ControlRequest, Desired, EventPage, MailingStatus
from jobs import client, control, results, spool, steps
from jobs.client import CloudClient, CloudRefused
from jobs.models import Job, Notice, Step
from jobs.results import facts
from jobs.stages import following, processing
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def run(job: Job, kind: str) -> Job:
    """One step of a kind, due or not."""
    leases.wake(job.steps.filter(kind=kind))
    steps.run(cast.step(job, kind).pk)
    return fresh(job)


def run_until(job: Job, kind: str, state: State) -> Job:
    for _ in range(400):
        job = run(job, kind)
        if job.state == state:
            return job
        threading.Event().wait(0.05)
    raise AssertionError(f"{job.state} instead of {state}: {job.counts}")


def tallied(job: Job) -> dict[str, int]:
    """What the events came to."""
    return {row.measure: row.total for row in job.tallies.filter(detail="")}


@pytest.fixture
def frozen(job: Job) -> Job:
    return run(job, "initializing")


def paused(job: Job, by: User) -> Job:
    control.ask(job, Wish.PAUSE, by=by, seen=job.version)
    return run(job, "controlling")


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


def over(job: Job) -> Job:
    """As if the window had ended, by the database's clock."""
    Job.objects.filter(pk=job.pk).update(collecting_until=Now() - timedelta(seconds=1))
    return fresh(job)


@pytest.fixture
def cancelled(frozen: Job, cloud: CloudClient, bob: User) -> Job:
    """Paused at the Cloud, then cancelled: its results are still collected."""
    job = paused(run(frozen, "processing"), bob)
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    job = run(job, "controlling")
    assert job.failure == Failure.CANCELLED
    return job


def test_results_of_a_cancelled_job_keep_coming_until_its_window_is_over(
    cancelled: Job, cloud: CloudClient, cloud_database: str
) -> None:
    with psycopg.connect(cloud_database, autocommit=True) as database:
        for number in range(2):
            told = [{"kind": "open", "batch": 0, "record": number, "recipient_id": str(number)}]
            database.execute(
                "INSERT INTO cloud_logentry (mailing_id, count, events) VALUES (%s, 1, %s)",
                [cancelled.pk, json.dumps(told)],
            )
            assert tallied(run(cancelled, "collecting")) == {"opens": number + 1}
    assert cast.step(cancelled, "collecting").due_at is not None
    job = run(over(cancelled), "collecting")
    assert job.state == State.FAILED
    assert cast.step(job, "collecting").due_at is None


def test_a_resting_job_is_not_asked_about_for_ever_though_the_cloud_is_away(
    cancelled: Job, settings: Settings, cloud: CloudClient
) -> None:
    client.cloud().close()
    client.cloud.cache_clear()
    settings.CLOUD_URL = "http://127.0.0.1:1"
    assert cast.step(run(cancelled, "collecting"), "collecting").due_at is not None
    assert cast.step(run(over(cancelled), "collecting"), "collecting").due_at is None


def test_a_job_paused_from_collecting_completes_when_its_window_is_over(
    tmp_path: Path, alice: User, sender: MailReceiver, bob: User
) -> None:
    people = [(1, "ann@late.example", "Ann")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = paused(run_until(job, "processing", State.COLLECTING), bob)
    assert (job.state, job.paused_from) == (State.PAUSED, State.COLLECTING)
    job = run(over(job), "collecting")
    assert (job.state, job.paused_from) == (State.COMPLETED, None)
    assert cast.step(job, "collecting").due_at is None


def test_a_job_that_the_cloud_has_forgotten_completes_with_the_numbers_it_had(
    tmp_path: Path, alice: User, sender: MailReceiver, cloud_database: str
) -> None:
    people = [(1, "ann@gone.example", "Ann")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    with psycopg.connect(cloud_database, autocommit=True) as database:
        for table in ("batchbytes", "batch", "pace", "mailing"):
            key = {"batchbytes": None, "mailing": "key"}.get(table, "mailing_id")
            where = f"{key} = %s" if key else "batch_id IN (SELECT id FROM cloud_batch WHERE mailing_id = %s)"
            database.execute(f"DELETE FROM cloud_{table} WHERE {where}".encode(), [job.pk])
    job = run(job, "collecting")
    assert job.state == State.COLLECTING
    assert "does not answer for this Job" in job.waiting_for
    job = run(over(job), "collecting")
    assert (job.state, job.counts.delivered) == (State.COMPLETED, 1)
    last = job.transitions.last()
    assert last is not None
    assert "does not know this Job any more" in last.why


def test_events_are_pulled_in_pages_and_a_gap_in_the_dashboard_is_caught_up(
    frozen: Job, cloud: CloudClient, cloud_database: str, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAGE", 7)
    job = paused(run(frozen, "processing"), bob)
    with psycopg.connect(cloud_database, autocommit=True) as database:
        for number in range(25):
            told = [{"kind": "open", "batch": 0, "record": number % 3, "recipient_id": "x"}] * 2
            database.execute(
                "INSERT INTO cloud_logentry (mailing_id, count, events) VALUES (%s, 2, %s)",
                [job.pk, json.dumps(told)],
            )
    job = run(job, "collecting")
    assert (job.events_cursor, tallied(job)) == (50, {"opens": 50})
    assert job.tallies.get(measure="opens").recipients == 3
    # This database is older than what it had pulled: the same again, once.
    job.events.filter(position__gt=20).delete()
    Job.objects.filter(pk=job.pk).update(events_cursor=20)
    facts.recount(job)
    assert tallied(job) == {"opens": 20}
    job = run(job, "collecting")
    assert (job.events_cursor, tallied(job)) == (50, {"opens": 50})


def tell(database_url: str, job: Job, *events: dict[str, object]) -> None:
    """Events in the Cloud's log, each committed by itself."""
    with psycopg.connect(database_url, autocommit=True) as database:
        for event in events:
            whole = {"batch": 0, "record": 0, "recipient_id": "x"} | event
            database.execute(
                "INSERT INTO cloud_logentry (mailing_id, count, events) VALUES (%s, 1, %s)",
                [job.pk, json.dumps([whole])],
            )


def test_a_worker_that_slept_past_its_lease_stores_no_events(
    frozen: Job, cloud: CloudClient, cloud_database: str, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = paused(run(frozen, "processing"), bob)
    tell(cloud_database, job, {"kind": "open"})
    answer = CloudClient.events

    def slow(own: CloudClient, job_id: uuid.UUID, after: int, limit: int = 1_000) -> EventPage:
        page = answer(own, job_id, after, limit)
        leases.wake(Step.objects.filter(job=job_id, kind="collecting"))  # somebody else has it now
        return page

    monkeypatch.setattr(CloudClient, "events", slow)
    job = run(job, "collecting")
    assert (job.events_cursor, tallied(job)) == (0, {})
    monkeypatch.undo()
    assert tallied(run(job, "collecting")) == {"opens": 1}


@pytest.mark.parametrize("trouble", [CloudRefused(404, "", "Not Found"), ValueError("a bug of ours")])
def test_trouble_with_results_neither_stops_nor_keeps_a_mailing(
    tmp_path: Path, alice: User, sender: MailReceiver, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """As with an older Cloud, or a mistake of ours: people are contacted, and nobody after the window."""

    def refused(*_: object) -> EventPage:
        raise trouble

    monkeypatch.setattr(CloudClient, "events", refused)
    place = f"results{type(trouble).__name__.lower()}.example"
    people = [(1, f"ann@{place}", "Ann"), (2, f"defer@{place}", "Ben")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    assert (job.failure, job.counts.delivered, job.counts.deferred) == ("", 1, 1)
    # The window is over: the retry is called off, though the Job can't complete before its results are here.
    for _ in range(2):
        job = run(over(job), "collecting")
    assert (job.state, job.counts.not_sent) == (State.COLLECTING, 1)
    monkeypatch.undo()
    job = run(job, "collecting")
    assert (job.state, tallied(job)) == (State.COMPLETED, {"deliveries": 1})


def test_what_came_to_rest_while_retries_were_called_off_is_counted(
    tmp_path: Path, alice: User, sender: MailReceiver, cloud_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [(1, "ann@rest.example", "Ann"), (2, "defer@rest.example", "Ben")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    answer = CloudClient.control

    def late(own: CloudClient, job_id: uuid.UUID, request: ControlRequest) -> MailingStatus:
        tell(cloud_database, job, {"kind": "open"})
        return answer(own, job_id, request)

    monkeypatch.setattr(CloudClient, "control", late)
    job = run_until(over(job), "collecting", State.COMPLETED)
    assert tallied(job) == {"deliveries": 1, "opens": 1}


def test_results_that_never_stop_coming_hold_no_job_open(
    frozen: Job, cloud: CloudClient, cloud_database: str, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = paused(run(frozen, "processing"), bob)
    answer = CloudClient.events

    def busy(own: CloudClient, job_id: uuid.UUID, after: int, limit: int = 1_000) -> EventPage:
        page = answer(own, job_id, after, limit)
        tell(cloud_database, job, {"kind": "open"})  # before the next page is asked for
        return page

    tell(cloud_database, job, {"kind": "open"})
    monkeypatch.setattr(CloudClient, "events", busy)
    asked = fresh(job).events_cursor
    job = run(job, "collecting")
    assert job.events_cursor == asked + 1
