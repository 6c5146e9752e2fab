"""One running process of ours, and what it says, line by line."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

from accelerator.embedded import spawning
from accelerator.embedded.environment import CHECKOUT
from accelerator.embedded.output import Output
from accelerator.embedded.processes import Command

REMEMBERED = 10


class Child:
    """Started when made. `read` and `close` never wait. `watch` is told process and pipe before it runs."""

    def __init__(
        self, command: Command, env: Mapping[str, str], output: Output, watch: Callable[[int, int], None]
    ) -> None:
        self.command = command
        self.output = output
        self.started = time.monotonic()
        self.quick_deaths = 0
        self.last_lines: list[str] = []
        self.unfinished = b""
        self.pipe, inner = os.pipe()
        try:
            # Killed together with us it could not record what it did: the guardian ends it in its turn.
            self.process = spawning.spawn(
                command.arguments,
                output=inner,
                death_signal=None,
                watch=lambda process: watch(process, self.pipe),
                env={**env, **command.env},
                cwd=CHECKOUT,
            )
        finally:
            os.close(inner)
        os.set_blocking(self.pipe, False)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def said(self) -> str:
        """Its last words, for a sentence about its end."""
        return " / ".join(self.last_lines[-2:]) or "nothing"

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        return fate(self.process)

    def read(self) -> bool:
        """Pass on what it has said since; False when it will say nothing more."""
        try:
            data = os.read(self.pipe, 65536)
        except BlockingIOError:
            return True
        *lines, self.unfinished = (self.unfinished + data).split(b"\n")
        for line in lines:
            self.pass_on(line)
        return bool(data)

    def pass_on(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self.last_lines = [*self.last_lines[1 - REMEMBERED :], text]
        self.output.line(self.command.name, text)

    def kill(self) -> None:
        """At once, with everything it started."""
        spawning.send(self.process, signal.SIGKILL, group=True)

    def close(self) -> None:
        """After its end: what it still had said, and whatever it may have left running."""
        self.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.read()
        if self.unfinished:
            self.pass_on(self.unfinished)
        os.close(self.pipe)


def fate(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is None or code >= 0:
        return f"ended (exit code {code})"
    try:
        return f"was killed ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed (signal {-code})"
