"""The processes that read files, seen from their parent: started when needed, and kept for the next query.

A process that was forked has none of its parent's.
"""

import atexit
import contextlib
import fcntl
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import cast

from accelerator import frames
from jobs.reading import errors
from jobs.reading.errors import WarehouseUnreachable

PROGRAM = "jobs.reading.child"
ROOT = Path(__file__).parents[2]
# Of our environment, which holds secrets, a child gets what a Python may need to start, and the time zone.
ENVIRONMENT = ("LD_LIBRARY_PATH", "PATH", "TZ")
# What it frees it gives back; no thread of numpy's waits for linear algebra (`accelerator`).
LIBRARIES = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
ROOM = 1 << 20  # bytes in a pipe
# Seconds that a process is kept which has nothing to do: people look at their SQL several times in a row.
IDLE = 60.0


class Died(Exception):
    """The child ended before it answered."""


class Mistake(RuntimeError):
    """One of ours, in the child, which answers all the same."""


class Child:
    """One process that reads, the ends of its pipes that are ours, and the folder for what it puts on the disk."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="warehouse-")
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            self.process = process = subprocess.Popen(
                [sys.executable, "-E", "-s", "-m", PROGRAM, self.folder],
                cwd=ROOT,
                env=environment | LIBRARIES | {"TMPDIR": self.folder},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError:
            Path(self.folder).rmdir()
            raise
        self._input = cast("io.BufferedWriter", process.stdin)
        self.output = cast("io.BufferedReader", process.stdout)
        self._saying = threading.Lock()
        self._end_later: threading.Timer | None = None
        with contextlib.suppress(OSError):  # more room is faster; without it goes as well
            fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, ROOM)

    def say(self, *strings: bytes) -> None:
        """From any thread. Raises Died."""
        with self._saying:
            try:
                self._input.write(frames.pack(*strings))
                self._input.flush()
            except (BrokenPipeError, ValueError) as error:  # it, or we, closed the pipe
                raise Died from error

    def answer(self) -> list[bytes]:
        """Raises Died, or what `failed` names: a WarehouseError, or Mistake."""
        found = next(frames.read(self.output), None)
        if found is None:
            raise Died
        if found[0] == b"failed":
            name, sentence = (string.decode() for string in found[1:])
            raise getattr(errors, name, Mistake)(sentence)
        return found

    def rest(self) -> None:
        """It has nothing to do from now on, and may not for long."""
        self._end_later = threading.Timer(IDLE, _end_if_idle, [self])
        self._end_later.daemon = True
        self._end_later.start()

    def wake(self) -> None:
        if self._end_later is not None:
            self._end_later.cancel()

    def end(self) -> int:
        """End it, whatever it is at, with all that it put on the disk, and give its status."""
        self.process.kill()
        self._close()
        status = self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def forget(self) -> None:
        """It belongs to the process that we were forked from, a thread of which may be at its pipes: that one's lock
        never opens here, and what it has not written yet is not ours to write."""
        for pipe in (self._input, self.output):
            pipe.raw.close()
        self.process.returncode = 0

    def _close(self) -> None:
        for pipe in (self._input, self.output):
            with contextlib.suppress(OSError):  # of something unsaid, to a process that is gone
                pipe.close()


_lock = threading.Lock()
_all: set[Child] = set()
_idle: list[Child] = []


def taken() -> Child:
    """Raises WarehouseUnreachable."""
    with _lock:
        while _idle:
            child = _idle.pop()
            child.wake()
            if child.process.poll() is None:
                return child
            _all.discard(child)
            child.end()
    try:
        child = Child()
    except OSError as error:
        raise WarehouseUnreachable(f"No process that reads the file could be started: {error}") from error
    _all.add(child)
    return child


def keep(child: Child) -> None:
    with _lock:
        if not _idle:
            _idle.append(child)
            child.rest()
            return
    ended(child)


def ended(child: Child) -> int:
    _all.discard(child)
    return child.end()


def _end_if_idle(child: Child) -> None:
    with _lock:
        if child not in _idle:
            return
        _idle.remove(child)
    ended(child)


def pids() -> list[int]:
    """Of the processes that there are."""
    return [child.process.pid for child in list(_all)]


@atexit.register
def end_all() -> None:
    """End what is kept, and what is not done yet."""
    _idle.clear()
    for child in list(_all):
        ended(child)


def _forget_all() -> None:
    """In a process that was forked: its parent's children are none of its."""
    global _lock
    _lock = threading.Lock()
    while _all:
        _all.pop().forget()
    _idle.clear()


os.register_at_fork(after_in_child=_forget_all)
