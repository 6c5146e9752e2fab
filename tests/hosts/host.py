"""One host: namespaces of its own, and a process with the number 1 that all others in it end with."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from accelerator.benches.stage import Process
from accelerator.embedded import spawning
from accelerator.embedded.environment import CHECKOUT
from accelerator.embedded.processes import Command
from tests.hosts import network
from tests.journeys.house import cmd, until

NAMESPACES = ("--net", "--mount", "--uts", "--pid")
GRACE = 45.0


class Host:
    """It is on from the start; `run` starts something on it, `lose` is its end."""

    def __init__(self, name: str, number: int, base: Path) -> None:
        self.name, self.address = name, f"10.77.0.{number}"
        self.base = base  # what the base has on its disk: hidden here
        self.logs = base / name
        self.logs.mkdir()
        # In the mount namespace of the host this is a place on its own disk.
        self.data = base / "data"
        self.processes: list[Process] = []
        words = [shutil.which("unshare") or "", *NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
        self.machine = spawning.spawn([*words, "--", "sleep", "infinity"], output=subprocess.DEVNULL)
        self.first = until(self._first, f"the host {name} is on")
        self._set_up()

    def _first(self) -> int:
        """The process with the number 1 in there, by its number out here; 0 until it is ready."""
        children = Path(f"/proc/{self.machine.pid}/task/{self.machine.pid}/children").read_text().split()
        return next((int(pid) for pid in children if cmd(int(pid)).startswith("sleep ")), 0)

    def _set_up(self) -> None:
        self.do("hostname", self.name)
        network.connect(self.name, self.first)
        self.do("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.do("ip", "link", "set", "eth0", "up")
        self.do("mount", "--bind", str(CHECKOUT), str(CHECKOUT))
        self.do("mount", "--options", "remount,bind,ro", str(CHECKOUT))
        self.do("mount", "--types", "tmpfs", self.name, str(self.base))

    def inside(self, *words: str) -> list[str]:
        """The words of a command that runs `words` on the host, in the checkout."""
        enter = [shutil.which("nsenter") or "", "--target", str(self.first), *NAMESPACES, "--"]
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(CHECKOUT), *words]

    def do(self, *words: str) -> str:
        """Run it to its end; what it said."""
        return subprocess.run(self.inside(*words), check=True, capture_output=True, text=True).stdout

    def run(self, name: str, words: list[str], told: Mapping[str, str]) -> Process:
        """Start what goes on for as long as the host does."""
        command = Command(name, self.inside(*words), grace=GRACE)
        self.processes.append(Process(command, told, self.logs / f"{name}.txt"))
        return self.processes[-1]

    def files(self) -> set[str]:
        """What lies on its own disk: paths below the data folder's parent."""
        found = self.do("find", str(self.base), "-type", "f", "-printf", "%P\\n")
        return set(found.splitlines())

    def lose(self) -> None:
        """As if its plug were pulled: nothing that it would still say gets out, and every process in it is killed."""
        network.cut(self.name)
        os.kill(self.first, signal.SIGKILL)
        self.machine.wait(10)

    def close(self) -> None:
        for process in self.processes:
            process.stop()
        spawning.stop(self.machine, signal.SIGKILL, grace=10)
