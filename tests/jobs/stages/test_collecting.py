"""Collecting with a real Cloud: what comes in, until when, and what may be the matter with it."""

import json
import uuid
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from accelerator import leases
from accelerator.protocol import ControlRequest, EventPage, MailingStatus
from jobs import client, control
from jobs.client import CloudClient, CloudRefused, CloudUnreachable
from jobs.models import Job, Step
from jobs.results import facts
from jobs.stages import collecting, following
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, paused, run, run_until, tallied
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def over(job: Job, since: timedelta = timedelta(seconds=1)) -> Job:
    """As if the window had ended, by the database's clock."""
    Job.objects.filter(pk=job.pk).update(collecting_until=Now() - since)
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


def test_whoever_is_in_flight_when_the_window_ends_is_waited_for(cancelled: Job, cloud_database: str) -> None:
    """A sender died with them: whether they are Unknown is known when its lease is over."""
    with psycopg.connect(cloud_database, autocommit=True) as database:
        database.execute("UPDATE cloud_batch SET in_flight = 1 WHERE mailing_id = %s", [cancelled.pk])
        job = run(over(cancelled), "collecting")
        assert cast.step(job, "collecting").due_at is not None
        assert job.counts.in_flight == 1
        database.execute(
            "UPDATE cloud_batch SET in_flight = 0, unknown = 1 WHERE mailing_id = %s", [cancelled.pk]
        )
    job = run(job, "collecting")
    assert cast.step(job, "collecting").due_at is None
    assert (job.counts.in_flight, job.counts.unknown) == (0, 1)


def test_a_resting_job_is_not_asked_about_for_ever_though_the_cloud_is_away(
    cancelled: Job, settings: Settings, cloud: CloudClient
) -> None:
    client.cloud().close()
    client.cloud.cache_clear()
    settings.CLOUD_URL = "http://127.0.0.1:1"
    assert cast.step(run(cancelled, "collecting"), "collecting").due_at is not None
    assert cast.step(run(over(cancelled), "collecting"), "collecting").due_at is not None
    assert cast.step(run(over(cancelled, collecting.PATIENCE), "collecting"), "collecting").due_at is None


@pytest.mark.parametrize("asked", ["status", "events"])
def test_nor_though_the_cloud_refuses_to_answer(
    cancelled: Job, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    def refused(*_: object) -> None:
        raise CloudRefused(409, "conflict", "No.")

    monkeypatch.setattr(CloudClient, asked, refused)
    assert cast.step(run(cancelled, "collecting"), "collecting").due_at is not None
    assert cast.step(run(over(cancelled), "collecting"), "collecting").due_at is not None
    assert cast.step(run(over(cancelled, collecting.PATIENCE), "collecting"), "collecting").due_at is None


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


def test_a_look_asks_for_results_once(
    cancelled: Job, cloud_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = questions(monkeypatch)
    tell(cloud_database, cancelled, {"kind": "open"})
    for _ in range(2):
        run(cancelled, "collecting")
    assert asked == [0, 1]


def test_the_cloud_hears_that_the_last_results_of_a_cancelled_job_are_here(
    cancelled: Job, cloud_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = questions(monkeypatch)
    tell(cloud_database, cancelled, {"kind": "open"}, {"kind": "open"})
    job = run(over(cancelled), "collecting")
    assert cast.step(job, "collecting").due_at is None
    assert asked == [0, 2]
    assert read(cloud_database, job) == 2
    assert job.failure_sentence == cancelled.failure_sentence


def test_and_those_of_a_completed_one_though_the_cloud_was_away_in_between(
    tmp_path: Path,
    alice: User,
    sender: MailReceiver,
    cloud_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = [(1, "ann@last.example", "Ann")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    job = run(job, "collecting")
    tell(cloud_database, job, {"kind": "open"}, {"kind": "click"})
    first = job.events_cursor
    answer = CloudClient.events

    def cut(own: CloudClient, job_id: uuid.UUID, after: int, limit: int = 1_000) -> EventPage:
        if after > first:
            raise CloudUnreachable("The Cloud can't be reached.")
        return answer(own, job_id, after, limit)

    monkeypatch.setattr(CloudClient, "events", cut)
    job = run(over(job), "collecting")
    assert (job.state, job.events_cursor) == (State.COLLECTING, first + 2)
    assert read(cloud_database, job) == first
    monkeypatch.undo()
    job = run(job, "collecting")
    assert job.state == State.COMPLETED
    assert read(cloud_database, job) == first + 2
    last = job.transitions.last()
    assert last is not None
    assert last.why == ""


def test_what_comes_with_the_last_answer_is_counted(
    cancelled: Job, cloud_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = CloudClient.events

    def late(own: CloudClient, job_id: uuid.UUID, after: int, limit: int = 1_000) -> EventPage:
        tell(cloud_database, cancelled, {"kind": "open"})  # always another one: nobody waits for the last
        return answer(own, job_id, after, limit)

    monkeypatch.setattr(CloudClient, "events", late)
    job = run(over(cancelled), "collecting")
    assert tallied(job) == {"opens": 2}
    assert cast.step(job, "collecting").due_at is None
    assert job.failure_sentence == cancelled.failure_sentence


def deleted(cloud: CloudClient, database_url: str, job: Job) -> None:
    """What was told and not taken in, as the Cloud does after its time."""
    tell(database_url, job, {"kind": "open"})
    cloud.events(job.pk, job.events_cursor)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("DELETE FROM cloud_logentry WHERE mailing_id = %s", [job.pk])


def test_results_that_waited_for_too_long_are_said_to_be_lost(
    tmp_path: Path, alice: User, sender: MailReceiver, cloud: CloudClient, cloud_database: str
) -> None:
    people = [(1, "ann@lost.example", "Ann")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    deleted(cloud, cloud_database, job)
    job = run(over(job), "collecting")
    assert (job.state, job.counts.delivered) == (State.COMPLETED, 1)
    last = job.transitions.last()
    assert last is not None
    assert last.why == collecting.DELETED


def test_and_so_are_those_of_a_cancelled_job_once(
    cancelled: Job, cloud: CloudClient, cloud_database: str
) -> None:
    deleted(cloud, cloud_database, cancelled)
    for _ in range(2):
        job = run(over(cancelled), "collecting")
        assert cast.step(job, "collecting").due_at is None
        assert job.failure_sentence == f"{cancelled.failure_sentence} {collecting.DELETED}"


def read(database_url: str, job: Job) -> int:
    """Up to where the Cloud knows that its events are stored here."""
    with psycopg.connect(database_url) as database:
        row = database.execute("SELECT read FROM cloud_log WHERE mailing_id = %s", [job.pk]).fetchone()
    assert row is not None
    return int(row[0])


def questions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Behind which positions the Cloud is asked for events."""
    asked: list[int] = []
    answer = CloudClient.events

    def noting(own: CloudClient, job_id: uuid.UUID, after: int, limit: int = 1_000) -> EventPage:
        asked.append(after)
        return answer(own, job_id, after, limit)

    monkeypatch.setattr(CloudClient, "events", noting)
    return asked


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
