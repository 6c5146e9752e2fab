"""What processes cost: processor time and memory, as Linux counts them."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """The process and its descendants."""
    found = [process]
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for child in children:
            found += family(int(child))
    return found


def processor_seconds(processes: Iterable[int]) -> float:
    """Spent so far, in user code and in the kernel."""
    spent = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            spent += int(fields[11]) + int(fields[12])
    return spent / TICKS


def peak_megabytes(processes: Iterable[int]) -> float:
    """The most that any one of them held in memory at a time."""
    return max(map(_peak, processes), default=0.0)


def _peak(process: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
