"""A process whose clock is shifted: by its side's file, while it runs, and its children with it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.clocked import SHIFTED

# Says by how much its wall clock is ahead of the one it was given, before and after a file changes; a child too.
PROGRAM = """
import datetime, os, pathlib, sys, time
clocks, given = pathlib.Path(sys.argv[1]), float(sys.argv[2])
steady = time.monotonic()
def say(seconds):  # in one piece, with nothing left behind for the child to say again
    os.write(1, f"{round(seconds / 3600)}\\n".encode())
say(time.time() - given)
(clocks / "dashboard").write_text("-7200")
seen = clocks / "seen"
pid = os.fork()
mine = seen / str(os.getpid())
while not (mine.exists() and mine.read_text() == "-7200"):
    time.sleep(0.01)
say(datetime.datetime.now(datetime.UTC).timestamp() - given)
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
say(time.monotonic() - steady)
"""


def run(program: str, clocks: Path, settings: str) -> list[str]:
    told = {"PYTHONPATH": str(SHIFTED), "CLOCKS": str(clocks), "DJANGO_SETTINGS_MODULE": settings}
    done = subprocess.run(
        [sys.executable, "-c", program, str(clocks), str(time.time())],
        env=os.environ | told,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.fixture
def clocks(tmp_path: Path) -> Path:
    (tmp_path / "seen").mkdir()
    (tmp_path / "dashboard").write_text("7200")
    return tmp_path


def test_the_clock_of_a_side_goes_as_its_file_says_also_when_it_changes(clocks: Path) -> None:
    assert run(PROGRAM, clocks, "accelerator.settings") == ["2", "-2", "-2", "0"]


def test_the_other_side_is_left_alone(clocks: Path) -> None:
    program = "import sys, time; print(round((time.time() - float(sys.argv[2])) / 3600))"
    assert run(program, clocks, "accelerator.settings") == ["2"]
    assert run(program, clocks, "accelerator.cloud.settings") == ["0"]
