"""Processor time and memory of every process of a house, as Linux counts them; those that died are not forgotten.

Memory is what a process holds for itself (RssAnon and RssFile of proc_pid_status(5)): the buffers that all backends of
PostgreSQL share are not each backend's.
"""

import os
import re
import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import staff
from tests.journeys.house import cmd

TICKS = os.sysconf("SC_CLK_TCK")
# Seconds between two looks.
EVERY = 2.0
HELD = re.compile(r"^Rss(?:Anon|File):\s+(\d+) kB", re.M)
# Flat: what a role's largest process holds in the second half of the time is at most so much more than in the first.
SHARE, MORE = 0.10, 24.0  # of it, and megabytes


@dataclass
class Role:
    """What the largest process of a role held at each look: seconds since the first look, megabytes."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    held: "array[float]" = field(default_factory=lambda: array("d"))

    def halves(self, middle: float) -> tuple[float, float]:
        """The most before the middle and after it; 0 where nobody of the role was there."""
        pairs = list(zip(self.times, self.held, strict=True))
        before = max((held for at, held in pairs if at < middle), default=0.0)
        return before, max((held for at, held in pairs if at >= middle), default=0.0)


class Meter:
    """Looks at what descends from `root`, in a thread of its own between `start` and `stop`."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.began = time.monotonic()
        self.roles: dict[str, Role] = defaultdict(Role)
        self.costs: list[tuple[float, float]] = []  # (seconds since the first look, processor seconds so far)
        self._spent: dict[
            tuple[int, str], int
        ] = {}  # of each process, named by its start too: ids come again
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter")

    def start(self) -> None:
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Once; whoever is about to be killed is measured before."""
        with self._lock:
            now, held = time.monotonic() - self.began, dict[str, float]()
            for pid, role in family(self.root).items():
                if spent := _spent(pid):
                    self._spent[pid, spent[0]] = spent[1]
                held[role] = max(held.get(role, 0.0), _held(pid))
            for role, most in held.items():
                self.roles[role].times.append(now)
                self.roles[role].held.append(most)
            self.costs.append((now, sum(self._spent.values()) / TICKS))

    def cost(self, until: float) -> float:
        """Processor seconds from the first look to the first one that is not before `until` (time.monotonic)."""
        later = [spent for at, spent in self.costs if at >= until - self.began]
        return (later[0] if later else self.costs[-1][1]) - self.costs[0][1]

    def table(self, middle: float) -> list[tuple[str, float, float]]:
        """(role, the most before the middle, and after it), the largest first; megabytes."""
        rows = [(name, *role.halves(middle)) for name, role in self.roles.items()]
        return sorted(rows, key=lambda row: -max(row[1:]))

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self.look()


def grown(table: Sequence[tuple[str, float, float]]) -> list[str]:
    """Whoever is not flat. Who came in the second half only, or was there in the first only, tells nothing."""
    return [
        f"{role}: the largest process held {after:,.0f} MB in the second half, and {before:,.0f} MB in the first"
        for role, before, after in table
        if before and after > before * (1 + SHARE) + MORE
    ]


def family(root: int) -> dict[int, str]:
    """Everybody who descends from it, with the role: `up`, what it started by name, and whose children."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, parent in staff.everybody():
        children[parent].append(pid)
    found, left = {root: "up"}, [root]
    while left:
        parent = left.pop()
        for pid in children[parent]:
            found[pid] = _role(cmd(pid), found[parent], top=parent == root)
            left.append(pid)
    return found


def _role(command: str, parent: str, *, top: bool) -> str:
    if re.search(staff.RENDERS, command):
        return staff.RENDERERS
    if top:
        return next((name for name, sign in staff.NAMES.items() if re.search(sign, command)), "others")
    return parent if parent.endswith(" child") else f"{parent} child"


def _spent(pid: int) -> tuple[str, int] | None:
    """(start, ticks) of a process, None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[19], int(fields[11]) + int(fields[12])


def _held(pid: int) -> float:
    """Megabytes that it holds for itself."""
    try:
        return sum(map(int, HELD.findall(Path(f"/proc/{pid}/status").read_text()))) / 1024
    except OSError:
        return 0.0
