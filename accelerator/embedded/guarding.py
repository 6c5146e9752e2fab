"""Our end of the guardian: posts it, tells it what to watch, and replaces it should it die before us."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

GUARDIAN = Path(__file__).with_name("guardian.py")


class Guard:
    """The guardian keeps `lock` until everything it watches is gone."""

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.watched: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.post()

    def post(self) -> None:
        self.channel, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with inner:
            # All of it lies ready before there is a guardian: killed in between, we leave nothing unwatched.
            for message, pipes in self.watched.values():
                self.tell(message, *pipes)
            # Not spawned like the others: it is the one that must outlive us.
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", GUARDIAN],
                stdin=inner.fileno(),
                start_new_session=True,
                pass_fds=[self.lock],
            )

    def tick(self) -> None:
        if self.process.poll() is not None:
            self.channel.close()
            self.post()

    def tell(self, message: str, *pipes: int) -> None:
        with contextlib.suppress(OSError):
            socket.send_fds(self.channel, [message.encode()], pipes)

    def watch(self, process: int, *pipes: int, stage: int, ends_by: signal.Signals) -> None:
        """When we are killed it ends by this signal, in its stage. `pipes`: what it says comes out of them."""
        message = f"watch {process} {stage} {int(ends_by)}"
        self.watched[process] = message, pipes
        self.tell(message, *pipes)

    def forget(self, process: int) -> None:
        self.watched.pop(process, None)
        self.tell(f"forget {process}")

    def dismiss(self) -> None:
        self.tell("done")
        self.channel.close()
        self.process.wait()
