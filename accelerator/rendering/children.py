"""The processes that render, seen from their parent: started when needed, kept, replaced when they died.

A thread has a child for itself while it talks to it; what is kept afterwards serves the next one. A process that was
forked has none of its parent's.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from accelerator import frames
from accelerator.rendering.values import PARTS

logger = logging.getLogger(__name__)

PROGRAM = "accelerator.rendering.child"
ROOT = Path(__file__).parents[2]
# Of our environment, which holds secrets, a child gets only what a Python may need to start.
ENVIRONMENT = ("LD_LIBRARY_PATH", "PATH")

# Children that are kept while nobody talks to them; how often it is tried to start one.
KEPT = 2
STARTS = 3
# Seconds between two pulses, and of one look for an answer; after so many looks in a row without one a child is stuck.
# They are counted because the clock goes on while a machine sleeps, and the child does not.
PULSE, LOOK = 1.0, 1.0
PATIENCE = 60
# Bytes taken from a pipe at once, and room in each for a child to work ahead of us.
PIECE = 128 * 1024
ROOM = 512 * 1024


class Pulse:
    """What is to be done about once a second while a child keeps us waiting, however many die meanwhile."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do
        self._due = time.monotonic() + PULSE

    def beat(self) -> None:
        if time.monotonic() > self._due:
            self._do()
            self._due = time.monotonic() + PULSE


class Died(Exception):
    """The child ended before it answered; `part` is the last one that it spoke of."""

    def __init__(self, part: str) -> None:
        self.part = part


class Broken(Exception):
    """A mistake of ours inside the child; nothing is wrong with the Template or the record."""


class NoChild(Exception):
    """No process that renders could be started; it may go later, and no Template or record is to blame."""


class Child:
    """One process that renders, and the ends of its pipes that are ours. `busy` while an answer is outstanding."""

    def __init__(self) -> None:
        self.process = process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-m", PROGRAM],
            cwd=ROOT,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        _all.add(self)
        self._pipes = [pipe for pipe in (process.stdin, process.stdout) if pipe]
        self._to, self._from = (pipe.fileno() for pipe in self._pipes)
        for pipe in (self._to, self._from):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError):  # more room is faster; without it goes as well
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)
        self._poll = select.poll()
        self._poll.register(self._from, select.POLLIN)
        self._incoming = frames.Incoming()
        self.busy = False

    def answers(self, requests: Iterator[bytes], expected: int, pulse: Pulse) -> Iterator[list[bytes]]:
        """Ask, and give so many answers as they come. Raises Died, Broken.

        The requests may be more than a pipe holds: each is made when the child has room for it.
        """
        self.busy, part, unsent, looks = True, PARTS[0], memoryview(b""), 0
        while expected:
            pulse.beat()
            answer = self._incoming.take()
            if answer is None:
                unsent = unsent or memoryview(b"".join(_some(requests)))
                unsent, moved = self._exchange(unsent, part)
                looks = 0 if moved else looks + 1
                if looks >= PATIENCE:
                    raise Died(part)
            elif answer[0] == b"at":
                part = answer[1].decode()
            elif answer[0] == b"broken":
                raise Broken(f"A mistake in the process that renders: {answer[1].decode()}")
            else:
                expected -= 1
                self.busy = expected > 0
                yield answer

    def _exchange(self, unsent: memoryview, part: str) -> tuple[memoryview, bool]:
        """Wait until there is something to read, or room to write to: what is still unsent, and whether any was."""
        if unsent:
            self._poll.register(self._to, select.POLLOUT)
        else:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._to)
        ready = dict(self._poll.poll(LOOK * 1000))
        if self._to in ready:
            try:
                unsent = unsent[os.write(self._to, unsent) :]
            except BlockingIOError:
                pass
            except BrokenPipeError:  # what it said before it died is still to be read
                unsent = memoryview(b"")
        if self._from in ready:
            piece = os.read(self._from, PIECE)
            if not piece:
                raise Died(part)
            self._incoming.add(piece)
        return unsent, bool(ready)

    def end(self) -> int:
        """End it, whatever it is at, and give its status."""
        _all.discard(self)
        self.process.kill()
        self._close()
        return self.process.wait()

    def forget(self) -> None:
        """It belongs to the process that we were forked from."""
        self._to = self._from = -1
        self._close()
        self.process.returncode = 0

    def _close(self) -> None:
        for pipe in self._pipes:
            pipe.close()


def talk(
    requests: Callable[[], Iterator[bytes]], expected: int, pulse: Pulse, *, fresh: bool = False
) -> Iterator[list[bytes]]:
    """Ask a child, maybe one that has done nothing before, and give so many answers as they come.

    Raises Died, Broken, NoChild, and what `pulse` raises.
    """
    child, done = (None if fresh else _kept()) or _begun(pulse), False
    try:
        for answer in child.answers(requests(), expected, pulse):
            if not child.busy:
                _keep(child)
                done = True
            yield answer
    except Died:
        done = True
        logger.warning("a process that renders ended: status %s", child.end())
        raise
    finally:
        if not done:
            child.end()


_lock = threading.Lock()
_all: set[Child] = set()
_idle: list[Child] = []


def _kept() -> Child | None:
    with _lock:
        while _idle:
            child = _idle.pop()
            if child.process.poll() is None:
                return child
            child.end()
    return None


def _begun(pulse: Pulse) -> Child:
    for _ in range(STARTS):
        try:
            child = Child()
        except OSError as error:
            raise NoChild(f"No process that renders could be started: {error}") from error
        try:
            list(child.answers(iter(()), 1, pulse))
        except Died:
            logger.warning("a process that renders ended before it began: status %s", child.end())
        except BaseException:
            child.end()
            raise
        else:
            return child
    raise NoChild(f"No process that renders could be started in {STARTS} attempts.")


def _keep(child: Child) -> None:
    with _lock:
        if len(_idle) < KEPT:
            _idle.append(child)
            return
    child.end()


def _some(requests: Iterator[bytes]) -> Iterator[bytes]:
    """As many of them as are worth a write."""
    size = 0
    for request in requests:
        yield request
        size += len(request)
        if size >= PIECE:
            break


@atexit.register
def _end_all() -> None:
    _idle.clear()
    for child in list(_all):
        child.end()


def _forget_all() -> None:
    """In a process that was forked: its parent's children are none of its."""
    global _lock
    _lock = threading.Lock()
    while _all:
        _all.pop().forget()
    _idle.clear()


os.register_at_fork(after_in_child=_forget_all)
