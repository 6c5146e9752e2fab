"""The processes of a house by name: those that `up` started, and what they started themselves."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.journeys.house import cmd

# What `up` started, by what stands in its command.
NAMES = {
    "web": r"granian.* accelerator\.wsgi:",
    "cloud": r"granian.* accelerator\.cloud\.wsgi:",
    "asks": r"--hostname asks@",
    "worker": r"--hostname worker@",
    "extractor": r"--hostname extractor@",
    "cloud worker 1": r"--hostname cloud-worker-1@",
    "cloud worker 2": r"--hostname cloud-worker-2@",
    "beat": r"-A accelerator\.celery beat",
    "cloud beat": r"-A accelerator\.cloud\.celery beat",
    "receiver": r"-m accelerator\.demo\.receiver",
    "PostgreSQL": r"/postgres -D",
    "Valkey": r"valkey-server",
}
# Started by whoever renders, wherever that is.
RENDERERS = "renderers"
RENDERS = r"-m accelerator\.rendering\.child"


def find(up: int, name: str) -> list[int]:
    """Of what this `up` started, the process of the name; with " child" behind it, what that one forked."""
    name, child, _ = name.partition(" child")
    parents = dict(everybody())
    if name == RENDERERS:
        return sorted(pid for pid in parents if re.search(RENDERS, cmd(pid)) and up in _above(pid, parents))
    roots = [pid for pid, parent in parents.items() if parent == up and re.search(NAMES[name], cmd(pid))]
    return children(*roots) if child else roots


def children(*roots: int) -> list[int]:
    """The processes that these have started."""
    return sorted(pid for pid, parent in everybody() if parent in roots)


def dead(pid: int) -> bool:
    """Whether the process is gone, or only waits to be buried."""
    return _state(pid) in ("", "Z", "X")


def _above(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid := parents.get(pid, 0):
        yield pid


def everybody() -> Iterator[tuple[int, int]]:
    """(pid, parent) of everything on this machine."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(place.name), int((place / "stat").read_text().rpartition(")")[2].split()[1])


def send(pid: int, number: signal.Signals) -> bool:
    """Whether there was somebody to signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def stopped(pid: int) -> bool:
    """Whether the process is frozen."""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """Its letter of proc_pid_stat(5); nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
