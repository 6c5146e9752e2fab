"""Runs as a script beside `up`: when `up` is killed without a chance to stop things, ends all it had started.

Its standard input is a socket whose other end only `up` holds. Messages:

    watch PID STAGE SIGNAL    end this process in its stage, by this signal; with what it says, if it has a pipe
    forget PID                it has ended
    done                      `up` stops properly

When the input ends without `done`, `up` is dead: the stages end one after the other, so that senders can still
record what became of their messages. Standard library only; it holds `up`'s lock on the data folder until
everything is gone, so that the next `up` waits for that.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NamedTuple

# Stages, and the seconds each has to end by itself.
WORKERS, OTHERS, DATABASES = 0, 1, 2
GRACE = {WORKERS: 8.0, OTHERS: 2.0, DATABASES: 3.0}


class Watched(NamedTuple):
    stage: int
    ends_by: int
    # Open pipes, and read, because a process that nobody listens to stumbles over its own last words.
    pipes: list[int]


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, Watched] = {}
    with socket.socket(fileno=sys.stdin.fileno()) as channel:
        while True:
            message, pipes, *_ = socket.recv_fds(channel, 100, 1)
            word, *numbers = message.decode().split() or [""]
            if word == "watch":
                process, stage, ends_by = map(int, numbers)
                watched[process] = Watched(stage, ends_by, pipes)
            elif word == "forget":
                for pipe in watched.pop(int(numbers[0]), Watched(0, 0, [])).pipes:
                    os.close(pipe)
            elif word == "done":
                return
            else:
                break
    for stage, grace in GRACE.items():
        end({process: one.ends_by for process, one in watched.items() if one.stage == stage}, grace, watched)


def end(signals: dict[int, int], grace: float, watched: dict[int, Watched]) -> None:
    for process, number in signals.items():
        with contextlib.suppress(OSError):
            os.kill(process, number)
    deadline = time.monotonic() + grace
    while any(map(alive, signals)) and time.monotonic() < deadline:
        listen([pipe for one in watched.values() for pipe in one.pipes])
        time.sleep(0.05)
    # The late ones, and whatever the others left running.
    for process in signals:
        with contextlib.suppress(OSError):
            os.killpg(process, signal.SIGKILL)


def listen(pipes: list[int]) -> None:
    for pipe in select.select(pipes, [], [], 0)[0]:
        with contextlib.suppress(OSError):
            os.read(pipe, 65536)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


if __name__ == "__main__":
    main()
