"""A spawned program cannot outlive whoever spawned it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from accelerator.embedded import spawning
from tests.accelerator.embedded.conftest import eventually, running

Program = Callable[[str], "subprocess.Popen[str]"]

SPAWN_AND_WAIT = """
import subprocess, time
from accelerator.embedded import spawning
from accelerator.embedded.environment import CHECKOUT
child = spawning.spawn(["/bin/sleep", "1000"], output=subprocess.DEVNULL, identity={identity!r})
print(child.pid, flush=True)
time.sleep(1000)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    "identity",
    [
        "self",
        pytest.param("userns", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")),
        pytest.param(
            "65534:65534", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
        ),
    ],
)
def test_it_dies_when_its_parent_is_killed(program: Program, identity: str) -> None:
    parent = program(SPAWN_AND_WAIT.format(identity=identity))
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert eventually(lambda: "sleep" in Path(f"/proc/{child}/cmdline").read_text())
    parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: gone(child))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_root_can_pass_closed_folders_as_somebody_else(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    ask: list[str | Path] = ["/bin/sh", "-c", 'id -u; test -w "$1" && echo reached', "sh", closed / "open"]
    with (tmp_path / "said").open("wb") as said:
        spawning.spawn(ask, output=said, identity="65534:65534").wait()
    assert (tmp_path / "said").read_text() == "65534\nreached\n"


def test_it_does_not_hear_our_ctrl_c() -> None:
    process = spawning.spawn(
        [sys.executable, "-c", "import os; print(os.getpgrp() == os.getpid())"], output=subprocess.PIPE
    )
    said, _ = process.communicate()
    assert said == b"True\n"


def test_one_that_will_not_stop_is_ended(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(1000)"
    )
    process = spawning.spawn([sys.executable, "-u", "-c", stubborn, str(tmp_path)], output=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    spawning.stop(process, signal.SIGTERM, grace=0.2)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    assert running(str(tmp_path)) == []
