"""Both projects as processes, with what they say, what they ask of each other, and all that their broker is told."""

import base64
import binascii
import contextlib
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx
import redis

from tests import plain
from tests.accelerator.waiting import until
from tests.contract.conftest import REPOSITORY

# A line of the log for each request: its method, and its address with the query.
ACCESS = ["--access-log", "--access-log-fmt", "ASKED %(method)s %(path)s?%(query_string)s"]
WORD = re.compile(rb"[A-Za-z0-9+/=]{16,}")


@dataclass
class Processes:
    """Started one by one, ended together; what they wrote is in `folder`."""

    folder: Path
    environment: Mapping[str, str]
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self, *commands: tuple[str, ...]) -> None:
        """To their ends, side by side: (project, command of manage.py, ...)."""
        running = [self._start(project, "manage.py", *command) for project, *command in commands]
        assert [process.wait(120) for process in running] == [0] * len(running), self.said()

    def serve(self, project: str, port: int) -> None:
        """A web server."""
        application = f"{project}.wsgi:application"
        self._keep(project, "granian", "--interface", "wsgi", *ACCESS, "--port", str(port), application)

    def work(self, project: str) -> None:
        """A worker and a beat."""
        schedule = str(self.folder / f"{project}.schedule")
        worker = ("worker", "--pool", "solo", "--beat", "--schedule", schedule)
        self._keep(project, "celery", "-A", f"{project}.celery", *worker)

    def wait_for(self, url: str) -> None:
        """Until somebody answers there."""
        until(lambda: self._answers(url), within=120)

    def _answers(self, url: str) -> bool:
        assert all(process.poll() is None for process in self.started), self.said()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/healthz", verify=plain.TRUSTS_NOBODY).status_code == 200
        return False

    def _keep(self, project: str, *module: str) -> None:
        self.started.append(self._start(project, "-m", *module))

    def _start(self, project: str, *command: str) -> "subprocess.Popen[bytes]":
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": f"{project}.settings"}
        python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
        with (self.folder / f"{project}.log").open("ab") as log:
            return subprocess.Popen(
                [*python, *command], cwd=REPOSITORY, env=environment, stdout=log, stderr=log
            )

    def said(self) -> str:
        """All that any of them has written."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def asked(self) -> list[str]:
        """Every request that was served: method and address."""
        return re.findall(r"ASKED (\S+ \S+)", self.said())

    def end(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(30)


class Broker:
    """Everything that a broker is told while the `with` lasts (MONITOR), decoded as well."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url, socket_timeout=None)
        self.told: list[bytes] = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.listening = threading.Event()
        self.done = threading.Event()

    def __enter__(self) -> "Broker":
        self.thread.start()
        assert self.listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.client.ping()  # one more command wakes the listener
        self.thread.join(10)
        self.client.close()

    def _listen(self) -> None:
        with self.client.monitor() as monitor:  # type: ignore[no-untyped-call]
            self.listening.set()
            while not self.done.is_set():
                self.told.append(str(monitor.next_command()["command"]).encode())

    def everything(self) -> bytes:
        """What was told, what is kept, and whatever of it is base64, once more as what it stands for."""
        last = uuid.uuid4().hex
        self.client.echo(last)
        until(lambda: any(last.encode() in told for told in reversed(self.told)), within=30)
        kept = [repr((key, self.client.dump(key))).encode() for key in self.client.keys("*")]
        plain = b"\n".join([*self.told, *kept])
        return plain + b"\n" + b"\n".join(decoded(plain))


def decoded(plain: bytes) -> Iterator[bytes]:
    for word in WORD.findall(plain):
        with contextlib.suppress(binascii.Error):
            yield base64.b64decode(word + b"=" * (-len(word) % 4))
