"""Initializing: all or nothing, and every failure says that nobody was contacted."""

import threading
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.db import connection
from pytest_django.fixtures import Settings

from accelerator import heartbeats, leases, protocol
from jobs import control, spool, steps
from jobs.models import Job, Kind, Notice, Warehouse
from jobs.stages import readiness
from jobs.stages.extracting import Found
from jobs.states import Failure, State, Wish
from tests.jobs import cast

pytestmark = pytest.mark.django_db(transaction=True)


def run(job: Job) -> Job:
    steps.run(cast.step(job, "initializing").pk)
    job.refresh_from_db()
    return job


def test_the_audience_is_extracted_and_frozen(job: Job) -> None:
    run(job)
    assert (job.state, job.extracted, job.dropped, job.request_id) == (State.PROCESSING, 3, 0, None)
    [batch] = job.batches.all()
    table = protocol.decode_batch(spool.read(batch))
    assert table["email"].to_pylist() == ["ann@example.com", "ben@example.com", "cat@example.com"]
    assert cast.step(job, "processing").due_at is not None


def test_dropped_rows_are_counted_by_reason(tmp_path: Path, alice: User, settings: Settings) -> None:
    settings.AUDIENCE_MOST_INVALID = 0.5
    rows = [(1, "a@example.com", "A"), (2, "A@example.com ", "A"), (3, None, "B"), (4, "nonsense", "C")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", rows), alice))
    assert (job.extracted, job.dropped_duplicate, job.dropped_missing, job.dropped_invalid) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("changes", "failure", "words"),
    [
        ({"sql": "SELECT nope FROM customers"}, Failure.AUDIENCE_SQL, "nope"),
        ({"sql": "DELETE FROM customers"}, Failure.AUDIENCE_SQL, "only reads"),
        ({"sql": "SELECT * FROM customers WHERE false"}, Failure.AUDIENCE_SQL, "selects nobody"),
        (
            {"sql": "SELECT id, 'x' AS email, first_name FROM customers"},
            Failure.AUDIENCE_SQL,
            "each of its rows (3)",
        ),
        ({"sql": "SELECT email, first_name FROM customers"}, Failure.AUDIENCE_SQL, 'no column "id"'),
        ({"email_column": "mail"}, Failure.AUDIENCE_SQL, 'no column "mail"'),
        ({"sql": "SELECT id, email, 1 AS supplemental FROM customers"}, Failure.AUDIENCE_SQL, "supplemental"),
        ({"subject": "{% if %}"}, Failure.TEMPLATE, "does not compile at line 1"),
        ({"html": "{{ surname }}"}, Failure.TEMPLATE, '"surname", which the Audience does not select'),
        ({"text": "{{ first_name.nick }}"}, Failure.TEMPLATE, "recipient 1"),
        (
            {"html": '{% filter upper %}<a href="https://shop.example">Sale</a>{% endfilter %}'},
            Failure.TEMPLATE,
            "they would lead nowhere",
        ),
    ],
)
def test_a_job_that_can_not_start_fails_and_says_so(
    warehouse: Warehouse, alice: User, changes: dict[str, object], failure: Failure, words: str
) -> None:
    job = run(cast.job(warehouse, alice, **changes))
    assert (job.state, job.failure) == (State.FAILED, failure)
    assert words in job.failure_sentence
    assert "Nobody was contacted." in job.failure_sentence
    assert Notice.objects.get(job=job).body.count(job.failure_sentence) == 1
    assert not job.batches.exists()


def test_a_job_fails_whose_warehouse_was_stored_before_its_location_was_refused(job: Job) -> None:
    Warehouse.objects.update(kind=Kind.SQLALCHEMY, location="sqlite:////srv/shop.sqlite")
    run(Job.objects.get(pk=job.pk))
    job.refresh_from_db()
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert 'choose the kind "SQLite"' in job.failure_sentence


def test_a_null_that_the_template_prints_fails_the_job(tmp_path: Path, alice: User) -> None:
    warehouse = cast.customers(tmp_path / "w.duckdb", [(7, "a@example.com", None)])
    job = run(cast.job(warehouse, alice))
    assert job.failure == Failure.TEMPLATE
    assert "recipient 7" in job.failure_sentence
    assert "a@example.com" not in job.failure_sentence


def test_a_null_is_seen_in_the_middle_although_the_first_one_is_of_a_duplicate(
    warehouse: Warehouse, alice: User
) -> None:
    sql = (
        "SELECT i AS id, 'p' || CASE i WHEN 1000 THEN 7 ELSE i END || '@example.com' AS email,"
        " CASE WHEN i = 1000 OR i BETWEEN 1500 AND 1510 THEN NULL ELSE 'Ann' END AS first_name"
        " FROM range(3000) t(i) ORDER BY i"
    )
    job = run(cast.job(warehouse, alice, sql=sql))
    assert (job.state, job.failure, job.dropped_duplicate) == (State.FAILED, Failure.TEMPLATE, 1)
    assert "recipient 15" in job.failure_sentence


def test_an_unreachable_warehouse_delays_the_job_and_says_so(warehouse: Warehouse, alice: User) -> None:
    place = Path(warehouse.location)
    hidden = place.rename(place.with_suffix(".away"))
    job = run(cast.job(warehouse, alice))
    assert job.state == State.INITIALIZING
    assert "does not exist" in job.waiting_for
    hidden.rename(place)
    leases.wake(job.steps.all())
    assert run(job).state == State.PROCESSING
    assert job.waiting_for == ""


def test_a_value_that_nobody_can_read_fails_with_a_sentence(warehouse: Warehouse, alice: User) -> None:
    sql = "SELECT id, email, first_name, ['290309-12-22'::timestamp] AS times FROM customers"
    job = run(cast.job(warehouse, alice, sql=sql))
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert "cast it to text" in job.failure_sentence
    assert "Nobody was contacted" in job.failure_sentence


@pytest.mark.parametrize("column", ["id", "email"])
def test_a_column_that_is_mostly_empty_fails_the_job(tmp_path: Path, alice: User, column: str) -> None:
    """Whoever is missing counts like whoever is invalid; whoever is there twice does not."""
    empty = (None, "a@example.com") if column == "id" else (9, None)
    rows = [(1, "a@example.com", "A")] * 5 + [(*empty, "B")] * 4 + [(5, "nonsense", "C")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", rows), alice))
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert (
        "5 of the Audience's 10 rows (50%) can't be mailed: 4 without an id or an address, 1 with an address that is "
        "invalid. At most 30% may be so" in job.failure_sentence
    )
    assert "Nobody was contacted." in job.failure_sentence
    assert storages["spool"].exists(job.dropped_file)


def test_few_who_are_missing_and_many_who_are_there_twice_do_not(tmp_path: Path, alice: User) -> None:
    rows = [(1, "a@example.com", "A")] * 7 + [(9, None, "B")] * 2 + [(5, "nonsense", "C")]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", rows), alice))
    assert (job.state, job.extracted, job.dropped) == (State.PROCESSING, 1, 9)


@pytest.mark.parametrize(("wish", "state"), [(Wish.CANCEL, State.FAILED), (Wish.PAUSE, State.PAUSED)])
def test_an_ask_ends_a_running_extraction(
    warehouse: Warehouse, alice: User, bob: User, wish: Wish, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "BEAT", 0.05)
    slow = "SELECT a.id, a.email, a.first_name FROM customers a, range(2000000000) b WHERE a.id + b.range < 0"
    job = cast.job(warehouse, alice, sql=slow)

    def work() -> None:
        try:
            steps.run(cast.step(job, "initializing").pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        wait_until_extracting(job)
        control.ask(job, wish, by=bob, seen=job.version)
        worker.join(timeout=30)
        assert not worker.is_alive()
    finally:
        worker.join()
    job.refresh_from_db()
    assert job.state == state
    assert not job.batches.exists()
    assert not storages["spool"].exists(str(job.pk)) or storages["spool"].listdir(str(job.pk)) == ([], [])


def wait_until_extracting(job: Job) -> None:
    for _ in range(600):
        job.refresh_from_db()
        if job.extraction_started_at:
            return
        threading.Event().wait(0.05)
    raise AssertionError("the extraction never started")


def test_a_worker_that_slept_past_its_lease_freezes_nothing(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = readiness.render_sample

    def sleep_past_the_lease(job: Job, found: Found, supplemental: dict[str, object]) -> None:
        render(job, found, supplemental)
        leases.wake(job.steps.all())  # another worker may have it now

    monkeypatch.setattr(readiness, "render_sample", sleep_past_the_lease)
    run(job)
    assert job.state == State.INITIALIZING
    assert not job.batches.exists()
    monkeypatch.setattr(readiness, "render_sample", render)
    assert run(job).state == State.PROCESSING
