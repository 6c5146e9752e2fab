"""Shifts the clock of the Python process that finds this folder on its PYTHONPATH, as files say, while it runs.

CLOCKS names a folder with a file for each side (`dashboard`, `cloud`) and for the workers of both (`workers`): the
seconds by which their clocks are ahead. Each process looks several times a second and notes in `seen/PID` by how much
its clock is off. Monotonic clocks go on, as they do when somebody sets a machine's time.
"""

import datetime
import os
import sys
import threading
import time
from pathlib import Path

import time_machine

EVERY = 0.1
# The settings of a process say to which side it belongs. What is not ours to shift is told by its command.
SIDES = {"accelerator.settings": "dashboard", "accelerator.cloud.settings": "cloud"}
LEFT_ALONE = ("accelerator.demo.receiver", "manage.py")


def roles() -> list[str]:
    """The files that this process heeds."""
    command = " ".join(sys.orig_argv)
    side = SIDES.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    if side is None or any(name in command for name in LEFT_ALONE):
        return []
    return [side, "workers"] if "celery" in command and " worker " in command else [side]


class Clock:
    """The one of this process."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder, self.names = folder, names
        self.ahead = 0.0
        self.travelling = time_machine.travel(datetime.datetime.now(datetime.UTC), tick=True).start()

    def heed(self) -> None:
        """Set it as the files say now, and note it."""
        wanted = sum(_seconds(self.folder / name) for name in self.names)
        if wanted != self.ahead:
            self.travelling.shift(wanted - self.ahead)
            self.ahead = wanted
        self.note()

    def note(self) -> None:
        """By how much it really is ahead."""
        off = time.time() - time_machine.escape_hatch.time.time()
        path = self.folder / "seen" / str(os.getpid())
        if not path.exists() or path.read_text() != str(round(off)):
            path.write_text(str(round(off)))

    def watch(self) -> None:
        threading.Thread(target=self._run, name="clock", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY)
            self.heed()


def _seconds(path: Path) -> float:
    return float(path.read_text() or 0) if path.exists() else 0.0


def begin() -> None:
    folder, names = os.environ.get("CLOCKS"), roles()
    if folder and names:
        clock = Clock(Path(folder), names)
        clock.heed()
        clock.watch()
        os.register_at_fork(after_in_child=clock.watch)


begin()
