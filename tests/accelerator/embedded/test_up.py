"""`manage.py up`: one command runs everything; what it cannot do it says in a sentence, before it starts anything."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from accelerator.embedded import folders, ports
from tests.accelerator.embedded.conftest import CHECKOUT, eventually, running

GIVEN = (
    "DATABASE_URL",
    "REDIS_URL",
    "CLOUD_",
    "SECRET_KEY",
    "SMTP_URL",
    "EMAIL_URL",
    "PUBLIC_URL",
    "PYTEST",
    "DJANGO",
)

READY = "Accelerator is ready"
Up = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def port() -> int:
    return ports.free_near("127.0.0.1", ports.Ports(18000 + os.getpid() % 1000 * 10))


@pytest.fixture
def up(data: Path, port: int) -> Iterator[Up]:
    """Runs `manage.py up` in an environment of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        env = {name: value for name, value in os.environ.items() if not name.startswith(GIVEN)}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *arguments],
            cwd=CHECKOUT,
            env=env | {"DATA_DIR": str(data), "PORT": str(port)} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    assert eventually(lambda: running(str(data)) == [])


def refusal(process: "subprocess.Popen[str]") -> str:
    """What it said when it refused to run: a sentence, and nothing else."""
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in said
    return said.strip()


def test_a_taken_port_gets_a_sentence(up: Up, port: int, data: Path) -> None:
    with socket.create_server(("127.0.0.1", port + 3)):
        said = refusal(up())
    assert said.startswith(
        f"Accelerator cannot run: Port {port + 3}, needed for the demo mail receiver, is used by"
    )
    assert not (data / "postgres").exists()


@pytest.mark.parametrize("word", ["eighty", "99999"])
def test_an_impossible_port_gets_a_sentence(up: Up, word: str) -> None:
    assert refusal(up(PORT=word)).startswith(f'Accelerator cannot run: PORT is "{word}"; it must be a number')


def test_an_unusable_folder_gets_a_sentence(up: Up, data: Path) -> None:
    (data / "file").touch()
    assert refusal(up(DATA_DIR=str(data / "file"))).endswith(
        "is not a folder but a file. Choose another folder with DATA_DIR."
    )


def test_a_second_up_on_the_same_data_gets_a_sentence(up: Up, data: Path) -> None:
    lock = folders.lock(data / "up.lock", wait=0, refusal="taken")
    os.write(lock, str(os.getpid()).encode())
    said = refusal(up())
    os.close(lock)
    assert said.startswith(
        f"Accelerator cannot run: Another `up` (process {os.getpid()}) already runs on the data folder"
    )


def test_data_of_another_postgresql_gets_a_sentence(up: Up, data: Path) -> None:
    (data / "postgres").mkdir()
    (data / "postgres" / "PG_VERSION").write_text("9\n")
    assert "Accelerator cannot run: The data belongs to PostgreSQL 9" in refusal(up())


def test_a_database_that_is_not_there_gets_a_sentence(up: Up) -> None:
    assert "Accelerator cannot run: The database postgres://localhost:1/shop cannot be used" in refusal(
        up(DATABASE_URL="postgres://me:hush@localhost:1/shop")
    )


@pytest.mark.parametrize(
    ("name", "url", "sentence"),
    [
        ("SMTP_URL", "http://x", 'SMTP_URL is "http://x", which names no mail server. Write it smtp://'),
        (
            "EMAIL_URL",
            "smtp://:25",
            'EMAIL_URL is "smtp://:25", which names no mail server. Write it smtp://',
        ),
        (
            "REDIS_URL",
            "redis://127.0.0.1:1/0",
            "The Redis or Valkey server redis://127.0.0.1:1/0 cannot be used",
        ),
    ],
)
def test_an_address_that_cannot_work_gets_a_sentence(
    up: Up, data: Path, name: str, url: str, sentence: str
) -> None:
    assert refusal(up(**{name: url})).startswith(f"Accelerator cannot run: {sentence}")
    assert not (data / "postgres").exists()


@pytest.mark.parametrize("url", ["nonsense", "smtp://host:port"])
def test_notices_that_can_go_nowhere_get_a_sentence(up: Up, url: str) -> None:
    assert refusal(up(EMAIL_URL=url)).startswith("A setting can't be used: EMAIL_URL must name a mail server")


def test_it_runs_everything_and_survives_its_own_death(up: Up, port: int, data: Path) -> None:
    """Start, be killed, start on the same data, stop: one story, because each start takes many seconds.

    That SIGTERM ends it just as well is seen at the end of all journeys (`tests.journeys.conftest.house`).
    """
    dashboard, log = f"http://127.0.0.1:{port}", data / "up.log"

    first = up()
    wait_until_ready(first, log)
    assert httpx2.get(f"{dashboard}/healthz").status_code == 200
    assert httpx2.get(f"{dashboard}/login/").status_code == 200
    assert httpx2.get(f"http://127.0.0.1:{port + 1}/healthz").status_code == 200
    assert httpx2.get(f"http://127.0.0.1:{port + 2}/").status_code == 200
    first.kill()
    first.communicate()
    assert eventually(lambda: running(str(data)) == [])

    log.unlink()
    second = up("--restored")
    wait_until_ready(second, log)
    assert "0 Jobs are held" in said(log)
    assert "0 mailings are held" in said(log)
    second.send_signal(signal.SIGINT)
    shown, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert READY in shown
    assert dashboard.replace("127.0.0.1", "localhost") in shown
    assert "Traceback" not in shown
    assert running(str(data)) == []


def wait_until_ready(process: "subprocess.Popen[str]", log: Path) -> None:
    assert eventually(lambda: READY in said(log) or process.poll() is not None, within=180)
    assert READY in said(log), said(log)


def said(log: Path) -> str:
    return log.read_text() if log.exists() else ""
