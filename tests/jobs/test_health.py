"""How the dashboard is: each part alone, by rows in the database; the answers name what is the case and what to do."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F, Model, QuerySet
from django.db.models.functions import Now
from pytest_django import Settings

from accelerator.protocol import HealthPart
from jobs import health, tasks
from jobs.models import Job, Notice, Pulse, Step
from tests.jobs import cast

pytestmark = pytest.mark.django_db(transaction=True)

QUEUES = ("control", "jobs", "extracting")


def part(name: str) -> HealthPart:
    return next(part for part in health.parts() if part.name == name)


def age(rows: "QuerySet[Model]", field: str = "at", **ago: float) -> None:
    rows.update(**{field: F(field) - timedelta(**ago)})


def test_all_is_well_when_workers_live_and_the_sweep_was_here() -> None:
    health.beat("worker one@here", " ".join(QUEUES))
    tasks.sweep()
    assert {part.name: part.ok for part in health.parts()} == {
        "database": True,
        "generation": True,
        "worker control": True,
        "worker jobs": True,
        "worker extracting": True,
        "sweep": True,
        "steps": True,
        "notices": True,
        "broker": True,
    }


def test_a_queue_that_nobody_takes_is_told_with_what_waits() -> None:
    health.beat("worker one@here", "control jobs")
    assert part("worker jobs").ok
    missing = part("worker extracting")
    assert not missing.ok
    assert "New Jobs do not begin" in missing.sentence
    assert "-Q extracting" in missing.sentence
    age(Pulse.objects.all(), seconds=21)
    assert not part("worker jobs").ok


def test_a_worker_that_ended_as_it_should_is_gone_at_once() -> None:
    health.beat("worker one@here", "jobs")
    health.forget("worker one@here")
    assert not part("worker jobs").ok


def test_a_sweep_that_stays_away_is_told() -> None:
    assert "has never been here" in part("sweep").sentence
    tasks.sweep()
    assert part("sweep").ok
    age(Pulse.objects.all(), seconds=16)
    assert not part("sweep").ok
    assert "was last here 16 s ago" in part("sweep").sentence


def test_a_step_that_nobody_takes_up_is_told(job: Job) -> None:
    assert part("steps").ok  # due, but not for long
    step = Step.objects.filter(job=job)
    age(step, "due_at", seconds=61)
    late = part("steps")
    assert not late.ok
    assert late.sentence.startswith("1 steps of Jobs are due and nobody works on them, the first for 6")
    step.update(leased_until=Now() + timedelta(seconds=30))
    assert part("steps").ok
    step.update(leased_until=Now() - timedelta(seconds=1))
    assert not part("steps").ok
    step.update(due_at=None)
    assert part("steps").ok


def test_a_notification_mail_that_waits_is_told(job: Job) -> None:
    Notice.objects.create(job=job, to="ann@example.com", subject="Cancelled", body="", due_at=Now())
    assert part("notices").ok
    age(Notice.objects.all(), "created_at", minutes=6)
    late = part("notices")
    assert not late.ok
    assert "EMAIL_URL" in late.sentence
    Notice.objects.update(due_at=None)
    assert part("notices").ok


def test_a_database_without_the_latest_migrations_is_told() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("jobs", "0002_results")
    try:
        (database,) = [part for part in health.parts() if part.name != "broker"]
    finally:
        recorder.record_applied("jobs", "0002_results")
    assert not database.ok
    assert "lacks 1 migrations" in database.sentence
    assert part("database").ok


def test_a_broker_that_is_away_is_told_and_hides_nothing_else(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert not part("broker").ok
    assert part("database").ok


def test_no_part_names_a_host_or_an_address(job: Job) -> None:
    health.beat("worker one@secret-host", "control")
    age(Pulse.objects.all(), minutes=1)
    Notice.objects.create(job=job, to="ann@example.com", subject="x", body="", due_at=Now())
    age(Notice.objects.all(), "created_at", hours=1)
    age(Step.objects.all(), "due_at", hours=1)
    text = " ".join(part.sentence for part in health.parts())
    for secret in ("secret-host", "ann@", str(job.pk), connection.settings_dict["NAME"]):
        assert secret not in text


def test_looking_costs_the_same_with_many_jobs(alice: User, job: Job) -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        health._look_into_database()
    for _ in range(5):
        cast.job(job.warehouse, alice)
    with CaptureQueriesContext(connection) as many:
        health._look_into_database()
    assert len(few) == len(many) <= 6
