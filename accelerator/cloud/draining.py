"""Whether this process is to end soon: senders stop before their next message, so a deployment makes no Unknown."""

import mmap
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

# One byte that a worker shares with the processes it forks after this import.
_worker_ends = mmap.mmap(-1, 1)
_worker = os.getpid()
_this_process_ends = False


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


@contextmanager
def busy() -> Iterator[None]:
    """While inside, a forked process meets SIGTERM by itself: the whole group may be told to end at once."""
    if os.getpid() == _worker:
        yield
        return
    usual = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)
        # A worker that ends too collects this process itself, and would miss it.
        if _this_process_ends and not _worker_ends[0]:
            os.kill(os.getpid(), signal.SIGTERM)


def _on_sigterm(_signum: int, _frame: object) -> None:
    global _this_process_ends
    _this_process_ends = True
