"""How the Cloud is, part by part; /readyz with database and broker there, away, and frozen."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accelerator import pulses
from accelerator.cloud import guarding, health, tasks
from accelerator.cloud.hits import Visit, journal
from accelerator.cloud.models import Batch, Mailing, Pace, Pulse
from accelerator.cloud.services import definitions
from accelerator.protocol import Desired, HealthPart
from tests.accelerator.cloud.mailings import addresses, control, make_due, submit, wait_until
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

REPOSITORY = Path(__file__).parents[3]
WITHIN = 10.0

ASK = """
import django, json, time
django.setup()
from django.test import Client
begun = time.monotonic()
response = Client().get("/readyz")
print(json.dumps([response.status_code, response.json(), time.monotonic() - begun]))
"""


def part(name: str) -> HealthPart:
    return next(part for part in health.parts() if part.name == name)


def age(**ago: float) -> None:
    """As if all that is due had been due so long."""
    Batch.objects.filter(due_at__isnull=False).update(due_at=F("due_at") - timedelta(**ago))
    Pace.objects.update(free_at=F("free_at") - timedelta(**ago))


def test_all_is_well_with_a_sender_and_a_sweep(client: Client) -> None:
    pulses.beat(Pulse, "worker one@secret-host", "sending")
    tasks.sweep()
    response = client.get("/readyz")
    assert response.status_code == 200
    document = response.json()
    assert document["ready"] is True
    names = [part["name"] for part in document["parts"]]
    assert names == ["database", "generation", "senders", "sweep", "mail server", "batches", "broker"]
    assert "secret-host" not in response.content.decode()


def test_the_dashboard_is_told_the_same_and_the_time() -> None:
    status = health.status()
    assert abs(status.time - time.time()) < 5
    assert [part.name for part in status.parts if not part.ok] == [
        "senders",
        "sweep",
        "line to the mail server",
    ]


def test_the_dashboard_is_told_whether_the_mail_server_takes_messages(
    mail_receiver: MailReceiver, settings: Settings
) -> None:
    settings.SMTP_URL = mail_receiver.url
    line = health.status().parts[-1]
    assert (line.name, line.ok) == ("line to the mail server", True)
    assert mail_receiver.received() == []
    mail_receiver.stop()
    line = health.status().parts[-1]
    assert not line.ok
    assert "can't be reached: mailings wait" in line.sentence
    mail_receiver.start()


def test_without_a_sender_it_is_not_ready(client: Client) -> None:
    tasks.sweep()
    assert client.get("/readyz").status_code == 503
    assert "Nobody is contacted" in part("senders").sentence
    pulses.beat(Pulse, "worker one@here", "other")
    assert not part("senders").ok


def test_a_sweep_that_stays_away_is_told() -> None:
    tasks.sweep()
    Pulse.objects.update(at=F("at") - timedelta(seconds=16))
    assert not part("sweep").ok


def test_a_mailing_that_waits_for_the_mail_server_is_told() -> None:
    mailing = submit(addresses(1))
    assert part("mail server").ok
    guarding.hold(mailing.key, "smtp.secret.example can't be reached")
    Mailing.objects.update(held_since=F("held_since") - timedelta(seconds=90))
    held = part("mail server")
    assert not held.ok
    assert held.sentence.startswith("1 mailings wait for the mail server or a service, the first for 9")
    assert "secret" not in held.sentence
    control(mailing, 1, Desired.PAUSE)
    assert part("mail server").ok  # it waits for a person
    control(mailing, 2, Desired.RUN)
    assert not part("mail server").ok
    Batch.objects.filter(mailing=mailing).update(due_at=None)  # the last one was given up: nobody waits
    assert part("mail server").ok


def test_batches_that_nobody_sends_from_are_told() -> None:
    submit(addresses(2), per_batch=1)
    assert part("batches").ok  # due, but not for long
    age(seconds=70)
    late = part("batches")
    assert not late.ok
    assert late.sentence.startswith("2 batches are due and nobody sends from any, the first for 7")


def test_batches_that_wait_for_their_turn_are_as_they_should_be() -> None:
    submit(addresses(3), per_batch=1)
    age(seconds=70)
    first = Batch.objects.order_by("pk")[0]
    Batch.objects.filter(pk=first.pk).update(leased_until=Now() + timedelta(seconds=30))
    assert part("batches").ok
    Batch.objects.filter(pk=first.pk).update(leased_until=None, last_attempt_at=Now())
    assert part("batches").ok
    Batch.objects.filter(pk=first.pk).update(last_attempt_at=Now() - timedelta(seconds=61))
    assert not part("batches").ok


def test_a_mailing_that_waits_for_its_rate_is_as_it_should_be() -> None:
    mailing = submit(addresses(1))
    age(seconds=70)
    Pace.objects.update(free_at=Now() + timedelta(minutes=5))
    assert part("batches").ok
    make_due(mailing)
    assert part("batches").ok  # since now


def test_looking_costs_the_same_with_many_recipients() -> None:
    submit(addresses(1))
    with CaptureQueriesContext(connection) as few:
        health._look_into_database()
    submit(addresses(300), per_batch=10)
    with CaptureQueriesContext(connection) as many:
        health._look_into_database()
    assert len(few) == len(many) <= 6


@pytest.fixture
def silent() -> Iterator[str]:
    """Somebody who takes connections and never says a word, as a frozen server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("frozen", [False, True])
def test_a_database_that_is_away_or_frozen(frozen: bool, silent: str) -> None:
    where = silent if frozen else "127.0.0.1:1"
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=REPOSITORY,
        env=os.environ | {"CLOUD_DATABASE_URL": f"postgres://secret:secret@{where}/secret"},
        capture_output=True,
        text=True,
        check=True,
    )
    status, document, took = json.loads(done.stdout.splitlines()[-1])
    assert took < WITHIN
    assert (status, document["ready"]) == (503, False)
    assert {part["name"]: part["ok"] for part in document["parts"]} == {"database": False, "broker": True}
    assert "secret" not in done.stdout


@pytest.mark.parametrize("frozen", [False, True])
def test_a_broker_that_is_away_or_frozen(frozen: bool, silent: str, settings: Settings) -> None:
    settings.CLOUD_REDIS_URL = f"redis://{silent if frozen else '127.0.0.1:1'}/0"
    begun = time.monotonic()
    found = {part.name: part.ok for part in health.parts()}
    assert time.monotonic() - begun < WITHIN
    assert (found["broker"], found["database"]) == (False, True)


def test_a_sender_is_seen_while_it_lives(tmp_path: Path) -> None:
    url = urlsplit(os.environ["CLOUD_DATABASE_URL"])
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
        "CLOUD_DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
    }
    command = [sys.executable, "-m", "celery", "-A", "accelerator.cloud.celery", "worker", "-c", "1"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: part("senders").ok, within=40)
    finally:
        process.terminate()
        process.wait(30)
    assert not part("senders").ok


def test_services_are_told_of_with_what_is_wrong_and_no_key(settings: Settings) -> None:
    settings.MAIL_SERVICES = definitions.parse(
        '{"good": {"backend": "postmark", "server_token": "a-secret-key"},'
        ' "bad": {"backend": "mailgun", "api_key": "a-secret-key", "nonsense": 1}}'
    )
    good, bad = (part for part in health.status().parts if part.name.startswith("service "))
    assert (good.name, good.ok, good.sentence) == (
        "service good",
        True,
        'Mailings may be sent through the service "good".',
    )
    assert (bad.name, bad.ok) == ("service bad", False)
    assert '"nonsense" is no setting of the backend "mailgun"' in bad.sentence
    assert "nobody is lost" in bad.sentence
    assert "a-secret-key" not in good.sentence + bad.sentence


def test_opens_and_clicks_that_wait_in_a_file_are_told(receiver: MailReceiver, settings: Settings) -> None:
    def sentence() -> str:
        return next(part.sentence for part in health.status().parts if part.name == "links")

    assert "wait in" not in sentence()
    journal.write(settings.HITS, Visit(1, 0, "open", None, machine=False))
    assert f"Opens and clicks wait in {settings.HITS}" in sentence()
