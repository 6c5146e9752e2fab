"""Whether this process is to end soon: senders stop before their next message, so a deployment makes no Unknown."""

import mmap
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

# One byte that a worker shares with the processes it forks after this import.
_worker_ends = mmap.mmap(-1, 1)
_main = os.getpid()
_this_process_ends = False
_busy = False


def ask() -> None:
    """The worker shuts down: all its processes are to finish what they are at."""
    _worker_ends[0] = 1


def asked() -> bool:
    return _this_process_ends or _worker_ends[0] == 1


def pause(seconds: float) -> None:
    """Sleep, but not through the wish to end."""
    end = time.monotonic() + seconds
    while not asked() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))


def catch_sigterm() -> None:
    """A forked process meets SIGTERM itself when the whole group is told to end (systemd, Ctrl-C of `up`)."""
    if os.getpid() != _main:
        signal.signal(signal.SIGTERM, _on_sigterm)


@contextmanager
def busy() -> Iterator[None]:
    """While inside, SIGTERM waits for the end of it."""
    global _busy
    _busy = True
    try:
        yield
    finally:
        _busy = False
        # With its worker ending too, the worker collects this process when it is done.
        if _this_process_ends and not _worker_ends[0]:
            _die()


def _on_sigterm(_signum: int, _frame: object) -> None:
    global _this_process_ends
    _this_process_ends = True
    if not _busy:
        _die()


def _die() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
