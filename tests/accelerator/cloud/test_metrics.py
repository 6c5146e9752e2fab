"""Numbers of the Cloud for Prometheus, and what they cost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accelerator import pulses
from accelerator.cloud import guarding, metrics, tasks
from accelerator.cloud.celery import app
from accelerator.cloud.models import Batch, Pulse
from tests.accelerator.cloud.mailings import addresses, submit

pytestmark = pytest.mark.django_db


def samples() -> dict[str, float]:
    """By name, and for what has a label by its value."""
    text = metrics._render().decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_batches_are_counted_by_whether_somebody_has_them() -> None:
    submit(addresses(3), per_batch=1)
    submit(addresses(1), transferred=False)
    Batch.objects.filter(pk=Batch.objects.earliest("pk").pk).update(leased_until=Now() + timedelta(seconds=5))
    found = samples()
    assert (found["accelerator_batches_due"], found["accelerator_batches_leased"]) == (3, 1)


def test_mailings_that_wait_are_counted() -> None:
    held, stopped, _ = submit(addresses(1)), submit(addresses(1)), submit(addresses(1))
    guarding.hold(held.key, "the mail server is away")
    guarding.stop(stopped.key, guarding.wish(stopped.key), guarding.TEMPLATE, "The Template fails.")
    found = samples()
    assert (found["accelerator_mailings_held"], found["accelerator_mailings_stopped"]) == (1, 1)


def test_pulses_have_an_age_and_the_queue_a_length() -> None:
    app.control.purge()
    pulses.beat(Pulse, "worker one@here", "sending")
    tasks.wake()
    found = samples()
    assert 0 <= found["accelerator_pulse_age_seconds worker one@here"] < 5
    assert found["accelerator_queue_length sending"] == 1
    app.control.purge()


def test_the_number_of_queries_does_not_grow() -> None:
    submit(addresses(1))
    with CaptureQueriesContext(connection) as few:
        samples()
    submit(addresses(200), per_batch=10)
    with CaptureQueriesContext(connection) as many:
        samples()
    assert len(few) == len(many) <= 4


@pytest.mark.django_db(transaction=True)
def test_they_are_for_who_knows_the_token(client: Client, settings: Settings) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "open-sesame"
    assert client.get("/metrics").status_code == 401
    response = client.get("/metrics", headers={"Authorization": "Bearer open-sesame"})
    assert response.status_code == 200
    assert "accelerator_batches_due 0.0" in response.content.decode()
