"""A real Cloud behind the stages, over a socket; and, where a test asks for it, a sender of the Cloud's."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from accelerator import leases, protocol
from jobs import client, control, steps
from jobs.client import CloudClient
from jobs.models import Job
from jobs.states import State, Wish
from tests import forked
from tests.contract.conftest import cloud_address, cloud_database
from tests.jobs import cast
from tests.mail import MailReceiver

__all__ = ["cloud_address", "cloud_database"]


@pytest.fixture
def cloud(settings: Settings, cloud_address: tuple[str, list[str]]) -> Iterator[CloudClient]:
    """The dashboard pointed at the Cloud; a client to look past the dashboard with."""
    url, keys = cloud_address
    settings.CLOUD_URL, settings.CLOUD_KEY = url, keys[0]
    client.cloud.cache_clear()
    own = CloudClient(url, protocol.Key.parse(keys[0]))
    yield own
    own.close()
    client.cloud().close()
    client.cloud.cache_clear()


@pytest.fixture
def no_cloud(settings: Settings) -> Iterator[None]:
    """The dashboard pointed at where nobody answers."""
    settings.CLOUD_URL, settings.CLOUD_KEY = "http://127.0.0.1:1", "tests:secret"
    client.cloud.cache_clear()
    yield
    client.cloud().close()
    client.cloud.cache_clear()


@pytest.fixture
def sender(
    cloud: CloudClient, cloud_database: str, mail_receiver: MailReceiver, tmp_path: Path
) -> Iterator[MailReceiver]:
    """A worker of the Cloud, and the mail server that it hands over to. It retries after an hour."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
        "CLOUD_DATABASE_URL": cloud_database,
        "SMTP_URL": mail_receiver.url,
        "RETRY_DELAYS": "1h",
        "MARKS": str(tmp_path / "cloud's marks"),
    }
    command = ["celery", "-A", "accelerator.cloud.celery", "worker", "--pool", "solo", "--beat"]
    command += ["--schedule", str(tmp_path / "beat")]
    process = forked.start(command, environment, tmp_path / "sender.txt")
    yield mail_receiver
    forked.stop(process, within=30)


def fresh(job: Job) -> Job:
    """The Job as it stands in the database."""
    return Job.objects.get(pk=job.pk)


def run(job: Job, kind: str) -> Job:
    """One step of a kind, due or not."""
    leases.wake(job.steps.filter(kind=kind))
    steps.run(cast.step(job, kind).pk)
    return fresh(job)


def run_until(job: Job, kind: str, state: State) -> Job:
    """Steps of a kind until the Job stands there."""
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
    """Processing: nothing of it is at the Cloud yet."""
    return run(job, "initializing")


def paused(job: Job, by: User) -> Job:
    """Paused, as the Cloud has acknowledged."""
    control.ask(job, Wish.PAUSE, by=by, seen=job.version)
    return run(job, "controlling")
