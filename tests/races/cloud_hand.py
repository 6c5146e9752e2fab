"""The Cloud's sender processes, led by the hand: a program. `python -m tests.races.cloud_hand SOCKET`.

Whoever connects to the socket has a sender process of its own, forked here because a start takes too long, and says
in lines what it is to do. `step N` takes one step of the product's sender; behind N of the PLACES (-1: nowhere) it
stops, says `at PLACE` and waits for `go N`. `free` sends until the next line comes. The end of a step is told as
`done` (or `nothing`, or `error` and the name of it).
"""

# The Cloud's types follow from its own settings: this file is checked with the dashboard's, so it sees none of them.
from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import sys

import django

from accelerator import failpoints

# Where a sender can be stopped while others work: at these it holds no transaction. Failpoints, and one of ours.
COMPOSED = "composed"  # it has looked whether it may go on, and has messages; no intent is committed
PLACES = (
    "take.after",
    "stock.after",
    COMPOSED,
    "intents.after",
    "dot.before",
    "dot.after",
    "reply.after",
    "settle.after",
    "release.after",
)
FREE_PAUSE = 0.1  # seconds that a free sender waits when nothing is due


class Sender:
    """One forked process: takes steps as it is told, and stops where it is told."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.words = line.makefile("r")
        self.passes = -1
        self.delivering = importlib.import_module("accelerator.cloud.delivering")
        failpoints.reached = self.reached
        self.compose = self.delivering.preparing.attempts
        self.delivering.preparing.attempts = self.composed

    def serve(self) -> None:
        self.tell(f"pid {os.getpid()}")
        for words in self.words:
            if words.strip() == "free":
                self.send_freely()
            else:
                self.obey(words)
                self.tell(self.step())

    def obey(self, words: str) -> None:
        self.passes = int(words.split()[1])

    def step(self) -> str:
        try:
            return "done" if self.delivering.step() else "nothing"
        except Exception as error:  # noqa: BLE001 - the test decides whether it is one
            return f"error {type(error).__name__}"

    def send_freely(self) -> None:
        self.passes, told = -1, "done"
        while not told.startswith("error") and not select.select([self.line], [], [], 0)[0]:
            told = self.step()
            if told == "nothing":
                select.select([self.line], [], [], FREE_PAUSE)
        self.words.readline()
        self.tell(told if told.startswith("error") else "done")

    def reached(self, place: str) -> None:
        """In place of `failpoints.reached`: here the product says where it is."""
        if self.passes < 0 or place not in PLACES:
            return
        self.passes -= 1
        if self.passes >= 0:
            return
        self.tell(f"at {place}")
        words = self.words.readline()
        if not words:  # whoever led us is gone
            os._exit(1)
        self.obey(words)

    def composed(self, *arguments: object) -> object:
        """In place of `preparing.attempts`."""
        attempts = self.compose(*arguments)
        self.reached(COMPOSED)
        return attempts

    def tell(self, words: str) -> None:
        self.line.sendall(f"{words}\n".encode())


def main(path: str) -> None:
    django.setup()
    # Before the fork, so that every sender has it; nothing here has a connection yet.
    importlib.import_module("accelerator.cloud.delivering")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)  # noqa: T201
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:  # the test is over, however it ended
                return
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                Sender(line).serve()
                os._exit(0)
            line.close()


if __name__ == "__main__":
    main(sys.argv[1])
