"""The whole house as a newcomer starts it (`manage.py up`), and what may be seen of it from outside."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import redis

CHECKOUT = Path(__file__).resolve().parents[2]
# What the tests set for themselves must not leak into the house.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER")
READY_WITHIN = 240.0

Seen = TypeVar("Seen")


class House:
    """A running `manage.py up`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_ports(4)
        self.settings = {"DATA_DIR": str(folder), "PORT": str(self.port)} | settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def inbox(self) -> str:
        return f"http://localhost:{self.port + 2}"

    def start(self, *options: str) -> None:
        """Returns when it is ready; `options` are those of `up`."""
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | self.settings
        log = (self.folder.parent / "up.txt").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *options],
            cwd=CHECKOUT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        until(self.answers, "the house is ready", READY_WITHIN)

    def stop(self) -> int:
        """As a person does with Ctrl-C, or a service manager; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=90)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder.parent / "up.txt").read_text()[-3000:]
        return "Accelerator is ready" in (self.folder.parent / "up.txt").read_text()

    def environment(self) -> dict[str, str]:
        """What the processes of the house are told."""
        lines = (self.folder / "environment").read_text().splitlines()
        return dict(shlex.split(line)[0].split("=", 1) for line in lines if "=" in line)

    # --- the world's own record ---------------------------------------------------------------------------

    def received(self) -> Counter[str]:
        """How often each address accepted a message, by the receiver's log, which is written before its reply."""
        return self._log("received.jsonl")

    def refused(self) -> Counter[str]:
        """How often a message to each address was refused."""
        return self._log("refused.jsonl")

    def _log(self, name: str) -> Counter[str]:
        lines = [line for path in self.folder.rglob(name) for line in path.read_text().splitlines()]
        return Counter(json.loads(line)["recipient"].lower() for line in lines if line.endswith("}"))

    def notices(self, to: str) -> list[str]:
        """Subjects of the mails in the world's inbox to this address."""
        with urllib.request.urlopen(f"{self.inbox}/api/messages?q={to}", timeout=10) as answer:  # noqa: S310
            messages = json.load(answer)
        return [message["subject"] for message in messages["messages"] if to in json.dumps(message)]

    def acted(self) -> list[dict[str, str]]:
        """What the world's people and machines did with their mails, written after the Cloud had answered them."""
        lines = [line for path in self.folder.rglob("acted.jsonl") for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines if line.endswith("}")]

    # --- violence -----------------------------------------------------------------------------------------

    def senders(self) -> list[int]:
        """The processes that hand messages to the mail server."""
        found = {
            pid: parent
            for pid, parent in processes(str(self.folder))
            if "accelerator.cloud.celery worker" in cmd(pid)
        }
        return [pid for pid, parent in found.items() if parent in found]

    def dashboard(self) -> list[int]:
        """Every process of the dashboard: web, workers, beat, and what they forked."""
        everybody = processes(str(self.folder))
        found = {pid for pid, _ in everybody if re.search(r"accelerator\.(wsgi:|celery )", cmd(pid))}
        while more := {pid for pid, parent in everybody if parent in found} - found:
            found |= more
        return sorted(found)

    def stop_dashboard(self) -> None:
        """As if its machine were switched off for a while: nothing of it runs until `continue_dashboard`."""
        for pid in self.dashboard():
            os.kill(pid, signal.SIGSTOP)

    def continue_dashboard(self) -> None:
        for pid in self.dashboard():
            os.kill(pid, signal.SIGCONT)

    def flush_broker(self) -> None:
        """Everything that the broker held is gone."""
        redis.Redis.from_url(self.environment()["REDIS_URL"]).flushall()

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command beside the running house, as an admin types it."""
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A Python program beside the running house, with the dashboard's settings."""
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | self.environment()
        environment["DJANGO_SETTINGS_MODULE"] = "accelerator.settings"
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def kill_a_sender(self) -> None:
        os.kill(self.senders()[0], signal.SIGKILL)


def cmd(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def processes(folder: str) -> list[tuple[int, int]]:
    """(pid, parent) of everything that runs for this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"DATA_DIR={folder}\0".encode() in (place / "environ").read_bytes() + b"\0":
                found.append(
                    (int(place.name), int((place / "stat").read_text().rpartition(")")[2].split()[1]))
                )
        except OSError:
            continue
    return found


def until(look: Callable[[], Seen], what: str, seconds: float = 60.0) -> Seen:
    """Look until there is something to see."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} seconds: {what}")


def free_ports(count: int) -> int:
    """The first of so many free ports in a row. Begins anywhere: another house may be looking at the same time."""
    places = 100
    for place in range(places):
        first = 18100 + (os.getpid() + place) % places * 10
        if all(free(first + offset) for offset in range(count)):
            return first
    raise AssertionError("no free ports")


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
