"""A warehouse whose line breaks, trickles or goes silent in the middle of a result: it costs a try, never a worker."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.models import F
from django.utils import timezone
from pytest_django.fixtures import Settings

from accelerator import heartbeats, leases
from jobs import control, steps, warehouses
from jobs.models import Job, Kind, Notice, Warehouse
from jobs.stages import initializing
from jobs.states import Failure, State, Wish
from jobs.warehouses import apart
from jobs.warehouses.postgresql import connector
from tests.accelerator.waiting import until
from tests.jobs import cast
from tests.jobs.stages import lines
from tests.jobs.stages.conftest import fresh
from tests.warehouses import PASSWORD, READER, reader

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 40_000
MIDDLE = 3_000_000  # bytes; the whole result is about six million
SQL = (
    "SELECT i AS id, 'c' || i || '@customers.example' AS email, repeat('x', 100) AS first_name "
    f"FROM generate_series(1, {ROWS}) i"
)
Lay = Callable[..., tuple[lines.Line, Job]]


@pytest.fixture
def lay(alice: User, no_cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lay]:
    """Lays a line with a fate to the database as a warehouse, and launches a Job that reads it."""
    monkeypatch.setattr(heartbeats, "BEAT", 0.05)
    monkeypatch.setattr(apart, "GRACE", 1.0)
    monkeypatch.setattr(apart, "ASKING", 5.0)
    # A batch then takes a small part of the shortest silence, on the slowest machine.
    monkeypatch.setattr(connector, "BATCH", 256 << 10)
    laid: list[lines.Line] = []

    def make(
        fate: lines.Fate, *, sql: str = SQL, after: int = MIDDLE, times: int = 1, deaf: bool = False
    ) -> tuple[lines.Line, Job]:
        connection.ensure_connection()
        info = connection.connection.info
        database = f"{info.host}/.s.PGSQL.{info.port}"
        line = lines.Line(database, fate, after=after, times=times, deaf=deaf)
        laid.append(line)
        with psycopg.connect(
            host=info.host, port=info.port, user=info.user, dbname="postgres", autocommit=True
        ) as admin:
            reader(admin)
        location = f"postgresql://{READER}@127.0.0.1:{line.port}/postgres?sslmode=disable"
        secret = warehouses.seal_secret(PASSWORD)
        warehouse = Warehouse.objects.create(
            name="pg", kind=Kind.POSTGRESQL, location=location, secret=secret
        )
        return line, cast.job(warehouse, alice, sql=sql)

    yield make
    for line in laid:
        line.close()


class Extractor:
    """A worker that extracts what it is told, one after the other."""

    def __init__(self, *jobs: Job) -> None:
        self._steps = [cast.step(job, "initializing").pk for job in jobs]
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for pk in self._steps:
                steps.run(pk)
        finally:
            connections.close_all()

    def is_free_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


def try_again(job: Job) -> Job:
    leases.wake(job.steps.filter(kind="initializing"))
    steps.run(cast.step(job, "initializing").pk)
    return fresh(job)


@pytest.mark.parametrize("deaf", [False, True])
def test_a_cancel_frees_the_worker_from_a_silent_line(lay: Lay, job: Job, alice: User, deaf: bool) -> None:
    line, caught = lay(lines.silent, deaf=deaf)
    worker = Extractor(caught, job)
    assert line.struck.wait(30)
    control.ask(caught, Wish.CANCEL, by=alice, seen=fresh(caught).version)
    assert worker.is_free_within(20)
    assert fresh(caught).state == State.FAILED
    assert "Nobody was contacted" in Notice.objects.get(job=caught).body
    assert not caught.batches.exists()
    assert fresh(job).state == State.PROCESSING


@pytest.mark.parametrize("deaf", [False, True])
def test_a_line_that_stays_silent_is_given_up_and_tried_again(
    lay: Lay, settings: Settings, deaf: bool
) -> None:
    settings.WAREHOUSE_SILENCE = 1.0
    line, job = lay(lines.silent, deaf=deaf)
    assert Extractor(job).is_free_within(30)
    job = fresh(job)
    assert (line.met, job.state) == (1, State.INITIALIZING)
    assert "went silent" in job.waiting_for
    assert cast.step(job, "initializing").due_at is not None
    line.deaf = False
    assert try_again(job).extracted == ROWS


def test_no_page_waits_for_a_silent_line(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouses, "PATIENCE", 1.0)
    line, job = lay(lines.silent)
    with pytest.raises(warehouses.TooSlow):
        warehouses.preview(job.warehouse, SQL, limit=ROWS)
    assert line.met == 1


def test_a_thread_that_was_left_behind_ends_with_its_line(lay: Lay, settings: Settings) -> None:
    settings.WAREHOUSE_SILENCE = 1.0
    line, job = lay(lines.silent, deaf=True)
    try_again(job)
    assert apart_threads() == 1
    line.close()
    until(lambda: apart_threads() == 0)


def test_a_query_that_only_thinks_is_waited_for(lay: Lay, settings: Settings) -> None:
    settings.WAREHOUSE_SILENCE = 1.0
    _, job = lay(lines.silent, sql=f"{SQL}, (SELECT pg_sleep(3)) thinking", after=1 << 40)
    assert try_again(job).extracted == ROWS


@pytest.mark.parametrize("fate", [lines.closed, lines.reset])
def test_a_line_that_breaks_in_the_middle_costs_a_try_and_no_more(lay: Lay, fate: lines.Fate) -> None:
    line, job = lay(fate)
    job = try_again(job)
    assert (line.met, job.state) == (1, State.INITIALIZING)
    assert "line to the warehouse broke" in job.waiting_for
    assert not job.batches.exists()
    job = try_again(job)
    assert (job.state, job.extracted, job.waiting_for, job.waiting_since) == (
        State.PROCESSING,
        ROWS,
        "",
        None,
    )


def test_a_warehouse_that_breaks_in_the_middle_each_time_fails_the_job_in_the_end(lay: Lay) -> None:
    line, job = lay(lines.closed, times=initializing.LAST_TROUBLE)
    waits = []
    for _ in range(initializing.LAST_TROUBLE - 1):
        job = try_again(job)
        assert job.state == State.INITIALIZING
        waits.append(next_try(job))
    assert waits == sorted(waits)
    assert sum(waits) > initializing.UNREACHABLE_LIMIT
    job = try_again(job)
    assert (line.met, job.state, job.failure) == (6, State.FAILED, Failure.AUDIENCE_SQL)
    assert "line to the warehouse broke" in job.failure_sentence
    assert "It was away or broke off 6 times." in job.failure_sentence
    assert "Nobody was contacted" in job.failure_sentence


def test_two_short_troubles_far_apart_are_not_one_long_one(lay: Lay) -> None:
    line, job = lay(lines.closed, times=2)
    try_again(job)
    long_ago(job)
    job = try_again(job)
    assert (line.met, job.state) == (2, State.INITIALIZING)
    assert "line to the warehouse broke" in job.waiting_for
    assert job.waiting_since
    assert job.waiting_since > timezone.now() - timedelta(seconds=initializing.UNREACHABLE_LIMIT)
    assert try_again(job).extracted == ROWS


def test_a_warehouse_that_is_away_all_the_time_fails_the_job(lay: Lay) -> None:
    line, job = lay(lines.closed)
    line.close()
    began = try_again(job).waiting_since
    assert try_again(job).waiting_since == began
    long_ago(job)
    job = try_again(job)
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert "It was tried for 120 seconds." in job.failure_sentence
    assert "Nobody was contacted" in job.failure_sentence


def test_a_resume_begins_with_new_patience(lay: Lay, alice: User) -> None:
    line, job = lay(lines.closed)
    Job.objects.update(troubles=initializing.LAST_TROUBLE - 1)
    for wish in (Wish.PAUSE, Wish.RESUME):
        control.ask(job, wish, by=alice, seen=fresh(job).version)
    job = try_again(job)
    assert (line.met, job.state) == (1, State.INITIALIZING)


def next_try(job: Job) -> float:
    """Seconds until then."""
    due_at = cast.step(job, "initializing").due_at
    assert due_at
    return round((due_at - timezone.now()).total_seconds() + 0.5)


def long_ago(job: Job) -> None:
    """It has waited for longer than it may since."""
    Job.objects.update(waiting_since=F("waiting_since") - timedelta(seconds=initializing.UNREACHABLE_LIMIT))


def test_a_warehouse_that_trickles_is_read_to_its_end(lay: Lay, settings: Settings) -> None:
    settings.WAREHOUSE_SILENCE = 5.0
    line, job = lay(lines.trickling)
    assert try_again(job).extracted == ROWS
    assert line.met == 1
    until(lambda: apart_threads() == 0, within=10)


def apart_threads() -> int:
    return sum(thread.name == "reader of a warehouse" for thread in threading.enumerate())
