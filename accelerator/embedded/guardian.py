"""Runs as a script beside `up`: when `up` is killed without a chance to stop things, ends all it had started.

Reads lines from its standard input, which only `up` holds open:

    watch PID SIGNAL    from now on, send SIGNAL to this process and everything in its session
    forget PID          it has ended
    done                `up` stops properly

When the input ends without `done`, `up` is dead. Standard library only; it holds `up`'s lock on the data
folder until everything is gone, so that the next `up` waits for that.
"""

import contextlib
import os
import signal
import sys
import time

GRACE = 10.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "watch":
            watched[int(numbers[0])] = int(numbers[1])
        elif word == "forget":
            watched.pop(int(numbers[0]), None)
        elif word == "done":
            return
    end(watched)


def end(watched: dict[int, int]) -> None:
    for group, number in watched.items():
        send(group, number)
    deadline = time.monotonic() + GRACE
    while any(map(alive, watched)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in filter(alive, watched):
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, number)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
