"""Failpoints: nothing in production; with FAILPOINTS an order is obeyed once, by one process, at its place."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from accelerator import failpoints
from accelerator.failpoints import PLACES

CHECKOUT = Path(__file__).resolve().parents[2]
REACH = "import sys; from accelerator import failpoints as f; [f.reached(p) for p in sys.argv[1:]]; print('lives')"


def reach(folder: Path, *places: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"FAILPOINTS": str(folder)}
    command = [sys.executable, "-c", REACH, *places]
    return subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def order(folder: Path, place: str, action: str, skip: int = 0) -> None:
    (folder / f"{place}.json").write_text(json.dumps({"action": action, "skip": skip}))


def test_they_are_nothing_unless_the_environment_says_so() -> None:
    assert "FAILPOINTS" not in os.environ
    assert failpoints.reached is failpoints._nothing


def test_each_place_is_in_the_code_once_and_none_is_there_that_is_not_told() -> None:
    found = []
    for room in ("accelerator", "campaigns", "jobs"):
        for file in (CHECKOUT / room).rglob("*.py"):
            found += re.findall(r'failpoints\.reached(?:\(|, )"([a-z_.]+)"', file.read_text())
    assert sorted(found) == sorted(PLACES)


def test_an_order_to_die_is_obeyed_at_its_place_and_once(tmp_path: Path) -> None:
    order(tmp_path, "dot.after", "kill")
    first = reach(tmp_path, "dot.before", "dot.after")
    first.communicate(timeout=30)
    assert first.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.iterdir()] == [f"dot.after.{first.pid}.done"]
    assert reach(tmp_path, "dot.after").communicate(timeout=30)[0] == "lives\n"


def test_an_order_may_let_some_pass(tmp_path: Path) -> None:
    order(tmp_path, "dot.after", "raise", skip=2)
    assert reach(tmp_path, "dot.after", "dot.after").communicate(timeout=30)[0] == "lives\n"
    assert "Fault: dot.after" in reach(tmp_path, "dot.after").communicate(timeout=30)[1]


def test_who_is_frozen_goes_on_when_told(tmp_path: Path) -> None:
    order(tmp_path, "freeze.before", "stop")
    frozen = reach(tmp_path, "freeze.before")
    assert os.WIFSTOPPED(os.waitpid(frozen.pid, os.WUNTRACED)[1])
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.communicate(timeout=30)[0] == "lives\n"


@pytest.mark.parametrize("action", ["", "explode"])
def test_an_order_that_is_none_does_nothing(tmp_path: Path, action: str) -> None:
    order(tmp_path, "dot.after", action)
    assert reach(tmp_path, "dot.after").communicate(timeout=30)[0] == "lives\n"
