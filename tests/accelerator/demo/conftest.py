"""The mail receiver as `up` runs it: a process of its own, on free ports, in an empty folder."""

import json
import re
import signal
import smtplib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

READY = re.compile(r"Mail receiver \(demo\): SMTP on 127\.0\.0\.1:(\d+), inbox at (http://127\.0\.0\.1:\d+)/")


@dataclass
class Receiver:
    """A running receiver."""

    process: subprocess.Popen[str]
    folder: Path
    smtp_port: int
    url: str

    def connect(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=30)

    def received(self) -> list[dict[str, object]]:
        return self._log("received.jsonl")

    def refused(self) -> list[dict[str, object]]:
        return self._log("refused.jsonl")

    def acted(self) -> list[dict[str, object]]:
        return self._log("acted.jsonl")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:  # noqa: S310  our own address
            return str(answer.read().decode())

    def ask(self, path: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads(self.get(path))
        return answer

    def wait_for_messages(self, count: int, path: str = "/api/messages") -> list[dict[str, object]]:
        """The inbox's messages once there are that many; it follows the log within a second."""
        deadline = time.monotonic() + 10
        while True:
            messages = self.ask(path)["messages"]
            assert isinstance(messages, list)
            if len(messages) >= count or time.monotonic() > deadline:
                return messages
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(15)

    def _log(self, name: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / name).read_text("utf-8").splitlines()]


def start_receiver(folder: Path, *options: str) -> Receiver:
    """Nobody acts on the mail unless the options say so."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "accelerator.demo.receiver", "--folder", str(folder)),
            *("--smtp-port", "0", "--http-port", "0", "--engagement-minutes", "0", *options),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    ready = READY.search(process.stdout.readline())
    assert ready, "the receiver did not start"
    return Receiver(process, folder, int(ready[1]), ready[2])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Starts receivers, all in one folder, that end with the test."""
    started: list[Receiver] = []

    def run(*options: str) -> Receiver:
        started.append(start_receiver(tmp_path / "receiver", *options))
        return started[-1]

    yield run
    for receiver in started:
        receiver.process.kill()
        receiver.process.wait()
        if receiver.process.stdout:
            receiver.process.stdout.close()


@pytest.fixture
def receiver(start: Callable[..., Receiver]) -> Receiver:
    return start()
