"""Numbers for Prometheus, and what they cost."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accelerator.celery import app
from jobs import control, health, metrics
from jobs.models import Job, Notice, Step
from jobs.states import Wish
from tests.jobs import cast
from tests.jobs.views import standing

pytestmark = pytest.mark.django_db

Samples = dict[tuple[str, str], float]


def samples() -> Samples:
    """By name and the value of the one label."""
    text = metrics._render().decode()
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_jobs_are_counted_by_state_and_a_deleted_one_is_not(job: Job, alice: User) -> None:
    standing.completed(cast.job(job.warehouse, alice))
    gone = cast.job(job.warehouse, alice)
    control.ask(gone, Wish.CANCEL, by=alice, seen=gone.version)
    Job.objects.update(events_cursor=7)
    assert samples()["accelerator_jobs", "failed"] == 1
    control.delete(gone, by=alice)
    found = samples()
    assert found["accelerator_jobs", "initializing"] == 1
    assert found["accelerator_jobs", "completed"] == 1
    assert found["accelerator_jobs", "failed"] == 0
    assert found["accelerator_jobs", "paused"] == 0
    assert found["accelerator_events_stored_total", ""] == 21  # a counter never falls


def test_steps_are_counted_by_kind_and_by_whether_somebody_takes_them(job: Job) -> None:
    assert samples()["accelerator_steps_due", "initializing"] == 1
    assert samples()["accelerator_steps_overdue", "initializing"] == 0
    Step.objects.update(due_at=F("due_at") - timedelta(seconds=61))
    assert samples()["accelerator_steps_overdue", "initializing"] == 1
    Step.objects.update(leased_until=Now() + timedelta(seconds=5))
    found = samples()
    assert (
        found["accelerator_steps_due", "initializing"],
        found["accelerator_steps_overdue", "initializing"],
    ) == (
        1,
        0,
    )
    assert found["accelerator_steps_due", "controlling"] == 0


def test_what_waits_for_the_cloud_or_the_mail_server_is_counted(job: Job, bob: User) -> None:
    standing.asked(standing.halfway(job), Wish.PAUSE, bob)
    Notice.objects.create(job=job, to="ann@example.com", subject="x", body="", due_at=Now())
    found = samples()
    assert (found["accelerator_asks_pending", ""], found["accelerator_notices_pending", ""]) == (1, 1)
    Notice.objects.update(due_at=None)
    assert samples()["accelerator_notices_pending", ""] == 0


def test_pulses_have_an_age(db: None) -> None:
    health.beat("worker one@here")
    health.swept()
    found = samples()
    assert 0 <= found["accelerator_pulse_age_seconds", "worker one@here"] < 5
    assert 0 <= found["accelerator_pulse_age_seconds", "sweep"] < 5


def test_queues_have_a_length(db: None) -> None:
    with app.connection_or_acquire() as broker:
        broker.default_channel.queue_purge("control")
    app.send_task("jobs.tasks.run_step", (0,), queue="control")
    assert samples()["accelerator_queue_length", "control"] == 1
    with app.connection_or_acquire() as broker:
        broker.default_channel.queue_purge("control")
    assert samples()["accelerator_queue_length", "control"] == 0


def test_without_a_broker_all_other_numbers_are_there(settings: Settings, job: Job) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = samples()
    assert found["accelerator_jobs", "initializing"] == 1
    assert "accelerator_queue_length" not in {name for name, _ in found}


def test_the_number_of_queries_does_not_grow(job: Job, alice: User) -> None:
    with CaptureQueriesContext(connection) as few:
        samples()
    for _ in range(5):
        cast.job(job.warehouse, alice)
    with CaptureQueriesContext(connection) as many:
        samples()
    assert len(few) == len(many) <= 5
