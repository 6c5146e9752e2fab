"""Keeps our processes running: starts them, passes on what they say, revives the dead, stops them in order."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Protocol

from accelerator.embedded import CannotStart, spawning
from accelerator.embedded.children import Child, fate
from accelerator.embedded.guardian import DATABASES, OTHERS, WORKERS
from accelerator.embedded.guarding import Guard
from accelerator.embedded.output import Output, seconds
from accelerator.embedded.processes import Command

QUICK = 10.0
QUICK_DEATHS = 5
TICK = 0.2
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# One Ctrl-C may reach us twice: from the terminal, and passed on by the program that started us.
ONE_PRESS = 1.0


class CommandFailed(CannotStart):
    pass


class Stopping(Exception):
    """A person, or the system, asked us to stop."""


class Server(Protocol):
    """PostgreSQL or Valkey."""

    ends_at_once_by: signal.Signals
    watch: Callable[[int], None] | None
    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...
    def stop(self) -> None: ...


class Supervisor:
    """Lives in the main thread. Enter it before anything is started; leaving it stops everything."""

    def __init__(self, output: Output, lock: int) -> None:
        self.output = output
        self.env: Mapping[str, str] = dict(os.environ)
        self.servers: dict[str, Server] = {}
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()
        self.signals = 0
        self.last_signal = 0.0
        self.guard = Guard(lock)

    def __enter__(self) -> "Supervisor":
        for number in STOPS:
            signal.signal(number, self.count)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def count(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what a handler is given
        if time.monotonic() - self.last_signal > ONE_PRESS:
            self.signals += 1
        self.last_signal = time.monotonic()

    def heed(self) -> None:
        if self.signals:
            raise Stopping

    # Starting.

    def serve(self, name: str, server: Server) -> None:
        """Start a database server, and from now on keep it running."""
        server.watch = partial(self.guard.watch, stage=DATABASES, ends_by=server.ends_at_once_by)
        server.start()
        self.servers[name] = server

    def start(self, command: Command) -> Child:
        stage = WORKERS if command.worker else OTHERS
        watch = partial(self.guard.watch, stage=stage, ends_by=signal.SIGTERM)
        child = Child(command, self.env, self.output, watch)
        self.selector.register(child.pipe, selectors.EVENT_READ, child)
        self.children.append(child)
        return child

    def finish(self, commands: Sequence[Command]) -> None:
        """Run commands side by side until they have ended; CommandFailed if one fails."""
        running = [self.start(command) for command in commands]
        try:
            while not all(child.ended for child in running):
                self.pump()
                self.heed()
                self.guard.tick()
        finally:
            for child in running:
                self.release(child)
        for child in running:
            if child.process.returncode != 0:
                raise CommandFailed(f'"{child.command.name}" failed. It said: {child.said}')

    # Running.

    def run(self) -> None:
        """Until a signal says Stopping, or something cannot be kept running."""
        while True:
            self.tick()

    def wait_until(self, ready: Callable[[], bool], within: float) -> bool:
        """Keep everything running until `ready`; False when that takes too long."""
        deadline = time.monotonic() + within
        while not ready():
            if time.monotonic() > deadline:
                return False
            self.tick()
        return True

    def tick(self) -> None:
        self.pump()
        self.heed()
        self.guard.tick()
        for name, server in list(self.servers.items()):
            if server.process and server.process.poll() is not None:
                self.output.say(f"{name} {fate(server.process)}; starting it again")
                self.guard.forget(server.process.pid)
                self.serve(name, server)
        for child in [child for child in self.children if child.ended]:
            self.revive(child)

    def pump(self) -> None:
        """Pass on what the processes say, for one tick."""
        for key, _ in self.selector.select(TICK):
            if not key.data.read():
                self.selector.unregister(key.fileobj)

    def revive(self, dead: Child) -> None:
        self.release(dead)
        quick = time.monotonic() - dead.started < QUICK
        deaths = dead.quick_deaths + 1 if quick else 0
        if deaths >= QUICK_DEATHS:
            raise CommandFailed(
                f'"{dead.command.name}" {dead.fate}, {deaths} times right after its start. It said: {dead.said}'
            )
        self.output.say(f"{dead.command.name} {dead.fate}; starting it again")
        self.start(dead.command).quick_deaths = deaths

    def release(self, child: Child) -> None:
        """A child that has ended, or has to: nothing of it stays."""
        with contextlib.suppress(KeyError):
            self.selector.unregister(child.pipe)
        child.close()
        self.children.remove(child)
        self.guard.forget(child.process.pid)

    # Stopping.

    def stop(self) -> None:
        """Workers first, so that they finish what they do; then those they talk to; the databases last."""
        began = time.monotonic()
        if self.children:
            self.output.say(
                "stopping: the workers finish what they do (Ctrl-C again ends everything at once)"
            )
        asked = self.signals
        for workers in (True, False):
            self.end([child for child in self.children if child.command.worker is workers], asked)
        for name in reversed(self.servers):
            self.servers[name].stop()
        self.guard.dismiss()
        self.output.say(f"stopped, after {seconds(began)}")

    def end(self, group: Sequence[Child], asked: int) -> None:
        """Ask them to end; kill those that are late, or all when a person asks again."""
        began = time.monotonic()
        for child in group:
            spawning.send(child.process, signal.SIGTERM)
        while remaining := [child for child in group if child in self.children]:
            self.pump()
            for child in remaining:
                late = time.monotonic() - began > child.command.grace
                if not child.ended and (late or self.signals > asked):
                    self.output.say(f"{child.command.name} did not end in time, and is killed")
                    child.kill()
                    child.process.wait()
                if child.ended:
                    self.release(child)
