"""What the tests of `embedded` share: folders, programs to watch, and a look at what runs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def program(data: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Runs Python code that imports ours, in a process of its own; its output is a pipe."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=CHECKOUT,
            env=os.environ | {"DATA_DIR": str(data)},
            stdin=subprocess.PIPE,
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
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def eventually(condition: Callable[[], object], within: float = 20.0) -> bool:
    """Poll until it is true; False when time is up."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def running(word: str) -> list[str]:
    """Command lines of the processes that name `word` in their arguments or environment, us excepted."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command = (process / "cmdline").read_bytes()
            if word.encode() in command or word.encode() in (process / "environ").read_bytes():
                found.append(f"{process.name}: {command.replace(bytes(1), b' ').decode(errors='replace')}")
        except OSError:
            continue
    return found
