"""Leads the Cloud's sender processes (`cloud_hand`) from the test: they stop where they are told, and die there."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.contract.conftest import REPOSITORY

PATIENCE = 30.0  # seconds for one answer


class Hand:
    """One sender process. `at` is the place where it stands, None between two steps."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(PATIENCE)
        self._line.connect(str(path))
        self._words = self._line.makefile("r")
        self.pid = int(self._words.readline().removeprefix("pid "))
        self.at: str | None = None
        self.alive = True

    def step(self, passes: int | None = None) -> str:
        """One step of the sender, behind so many places or to its end: "at ...", "done" or "nothing"."""
        assert self.at is None
        return self._say(f"step {_number(passes)}")

    def go(self, passes: int | None = None) -> str:
        """On from where it stands."""
        assert self.at is not None
        return self._say(f"go {_number(passes)}")

    def send_all(self) -> None:
        """Steps until nothing is due."""
        if self.at:
            self.go()
        while self.alive and self.step() == "done":
            pass

    def free(self) -> None:
        """Send by itself, until `stop`."""
        self._line.sendall(b"free\n")

    def stop(self) -> None:
        assert self._say("stop") == "done"

    def end(self) -> None:
        """SIGTERM, as a deployment says it: what it is at is finished, then the process is gone."""
        os.kill(self.pid, signal.SIGTERM)
        if self.at:
            self._say(f"go {_number(None)}")
        self.close()

    def kill(self) -> None:
        """kill -9, wherever it stands."""
        os.kill(self.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.alive, self.at = False, None
        self._words.close()
        self._line.close()

    def _say(self, words: str) -> str:
        self._line.sendall(f"{words}\n".encode())
        told = self._words.readline().strip()
        assert not told.startswith("error"), f"the sender failed: {told}"
        self.at = told.removeprefix("at ") if told.startswith("at ") else None
        self.alive = bool(told)
        return told


def _number(passes: int | None) -> int:
    return -1 if passes is None else passes


@contextlib.contextmanager
def house(folder: Path, database: str, smtp_url: str) -> Iterator[Path]:
    """The program that senders are forked from; the path of its socket."""
    path = folder / "hand"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
        "CLOUD_DATABASE_URL": database,
        "SMTP_URL": smtp_url,
        "RETRY_DELAYS": "1h",
        "MARKS": str(folder / "marks"),
    }
    with (folder / "hand.txt").open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.races.cloud_hand", str(path)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n", (folder / "hand.txt").read_text()
        yield path
        program.stdin.close()
        program.wait(20)
