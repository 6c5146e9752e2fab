"""/readyz and /metrics of the dashboard, with its database and its broker there, away, and frozen."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from jobs import health
from tests.accelerator.waiting import until

REPOSITORY = Path(__file__).parents[2]
WITHIN = 3.0
NOWHERE = "127.0.0.1:1"

# A process of its own, because what it is told about the database is settled when it starts.
ASK = """
import django, json, sys, time
django.setup()
from django.test import Client
begun = time.monotonic()
response = Client().get(sys.argv[1], headers={"Authorization": "Bearer open-sesame"})
print(json.dumps([response.status_code, response.content.decode(), time.monotonic() - begun]))
"""


@pytest.fixture
def silent() -> Iterator[str]:
    """Somebody who takes connections and never says a word, as a frozen server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def ask(path: str, **environment: str) -> tuple[int, str]:
    """Status and text of the answer, which came in time."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, path],
        cwd=REPOSITORY,
        env=os.environ | {"METRICS_TOKEN": "open-sesame"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    status, text, took = json.loads(done.stdout.splitlines()[-1])
    assert took < WITHIN
    return status, text


def parts(text: str) -> dict[str, bool]:
    return {part["name"]: part["ok"] for part in json.loads(text)["parts"]}


@pytest.mark.django_db(transaction=True)
def test_all_is_well(client: Client) -> None:
    health.swept()
    health.beat("worker one@secret-host", "control jobs extracting")
    response = client.get("/readyz")
    assert response.status_code == 200
    document = response.json()
    assert document["ready"] is True
    assert all(parts(response.content.decode()).values())
    assert set(document["parts"][0]) == {"name", "ok", "sentence"}
    assert "secret-host" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_part_that_is_not_well_makes_it_503(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["ready"] is False
    assert parts(response.content.decode())["sweep"] is False
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("frozen", [False, True])
def test_a_database_that_is_away_or_frozen(frozen: bool, silent: str) -> None:
    database = f"postgres://secret-user:secret-word@{silent if frozen else NOWHERE}/secret-name"
    status, text = ask("/readyz", DATABASE_URL=database)
    assert status == 503
    assert parts(text) == {"database": False, "broker": True}
    assert "secret" not in text
    assert "127.0.0.1" not in text
    status, text = ask("/metrics", DATABASE_URL=database)
    assert status == 503
    assert "secret" not in text
    assert ask("/healthz", DATABASE_URL=database)[0] == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("frozen", [False, True])
def test_a_broker_that_is_away_or_frozen(
    frozen: bool, silent: str, client: Client, settings: Settings
) -> None:
    settings.REDIS_URL = f"redis://:secret-word@{silent if frozen else NOWHERE}/0"
    begun = time.monotonic()
    response = client.get("/readyz")
    assert time.monotonic() - begun < WITHIN
    assert response.status_code == 503
    found = parts(response.content.decode())
    assert (found["broker"], found["database"]) == (False, True)
    assert "secret" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_freezes_in_use_is_away_until_it_thaws(client: Client) -> None:
    def backends() -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            return [pid for (pid,) in cursor.fetchall()]

    def database() -> bool:
        return parts(client.get("/readyz").content.decode())["database"]

    if urlsplit(os.environ["DATABASE_URL"]).hostname not in (None, "localhost", "127.0.0.1"):
        pytest.skip("the database's processes are on another machine")
    assert database()
    frozen = backends()
    connection.close()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            begun = time.monotonic()
            assert not database()
            assert time.monotonic() - begun < WITHIN
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    until(database)


@pytest.mark.django_db(transaction=True)
def test_metrics_are_for_who_knows_the_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "open-sesame"
    assert client.get("/metrics").status_code == 401
    response = client.get("/metrics", headers={"Authorization": "Bearer open-sesame"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    assert 'accelerator_jobs{state="processing"} 0.0' in response.content.decode()


def test_without_the_setting_there_are_no_metrics(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


# --- workers --------------------------------------------------------------------------------------------


@pytest.fixture
def worker(tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A worker of two queues, on the database of these tests."""
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    }
    command = [sys.executable, "-m", "celery", "-A", "accelerator.celery", "worker", "--concurrency", "1"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--queues", "control,jobs", "--hostname", "tests@here"],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    sys.stderr.write((tmp_path / "log").read_text())


def well(name: str) -> bool:
    return next(part.ok for part in health.parts() if part.name == name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_is_seen_with_its_queues_and_forgotten_when_it_ends(
    worker: "subprocess.Popen[bytes]", killed: bool
) -> None:
    from jobs.models import Pulse

    until(lambda: well("worker control"), within=40)
    assert well("worker jobs")
    assert not well("worker extracting")
    if killed:
        os.killpg(worker.pid, signal.SIGKILL)
    else:
        worker.terminate()
    worker.wait(30)
    # Nobody could forget the killed one; it grows old (test_pulses).
    assert Pulse.objects.filter(name="worker tests@here").exists() == killed
