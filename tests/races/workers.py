"""The dashboard's workers as threads that stop where a test wants them to: at a failpoint, or at the n-th instant.

A worker that stops is a process that sleeps, or that is about to die: nobody renews its lease meanwhile.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connections

from accelerator import failpoints, heartbeats
from tests.races.wire import Fault, Wire

PATIENCE = 60.0  # seconds until a worker that neither stops nor ends is a mistake

# Where a worker can sleep while others work: at these it holds no transaction.
PLACES = frozenset(
    {
        *("step.claimed", "step.done", "extraction.spooled", "freeze.after", "submit.before", "submit.after"),
        *("submit.stored", "batch.before", "batch.after", "batch.noted", "counts.after", "events.fetched"),
        *("events.after", "completed.after", "control.before", "control.after", "grant.after"),
        *("notice.before", "notice.handing_over", "notice.sent"),
    }
)


class Killed(BaseException):
    """What a worker that is killed raises: no `except Exception` of the product's sees it, as none sees a SIGKILL."""


class Here(threading.local):
    """Which worker a thread is."""

    worker: "Worker | None" = None


_here = Here()


class Worker:
    """Runs `work` with a database connection of its own. `at` is where it stands; None once it has ended."""

    def __init__(
        self,
        work: Callable[[], object],
        wire: Wire | None = None,
        *,
        passes: int | None = None,
        fault: Fault = Fault.NONE,
        fault_skip: int = 0,
        instant: int = -1,
    ) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._work, self._wire = work, wire
        self._passes = passes
        self._fault = fault, fault_skip
        self._instant = instant
        self.instants: list[str] = []  # what was done at each, in order
        self.at: str | None = ""
        self.backend = 0  # PostgreSQL's process of its connection
        self.result: object = None
        self.error: BaseException | None = None
        self._turn = threading.Semaphore(0)
        self._mine = threading.Semaphore(0)
        self._dies = False

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, without waiting for it."""
        self._thread.start()

    def begin(self) -> "Worker":
        """Start it, and wait until it stands or has ended."""
        self.start()
        return self.wait()

    def wait(self) -> "Worker":
        assert self._turn.acquire(timeout=PATIENCE), f"a worker hangs behind {self.instants[-3:]}"
        if self.error is not None and not isinstance(self.error, Killed):
            raise self.error
        return self

    def wake(self) -> None:
        """Let it go on, without waiting for it."""
        self._mine.release()

    def finish(self) -> None:
        """Let it go on to its end."""
        if self.at is not None:
            self.wake()
            self.wait()

    def kill(self) -> None:
        """Where it stands, it is no more."""
        if self.at is not None:
            self._dies = True
            self.finish()

    def abandon(self) -> None:
        """Whatever it is at, and whatever that comes to."""
        self._dies = True
        self.wake()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        _here.worker = self
        try:
            with ExitStack() as stack:
                self._watch(stack)
                self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self.error = error
        finally:
            connections.close_all()
            self.at = None
            self._turn.release()

    def reached(self, place: str) -> None:
        """In place of `failpoints.reached`: stops behind as many places as it is to pass."""
        if self._passes is None or place not in PLACES:
            return
        if self._passes:
            self._passes -= 1
        else:
            self._passes = None
            self._stop(place)

    def _stop(self, where: str) -> None:
        self.at = where
        self._turn.release()
        self._mine.acquire()
        self.at = ""
        if self._dies:
            raise Killed

    def _watch(self, stack: ExitStack) -> None:
        if self._wire is not None:
            self._wire.lane.fault, self._wire.lane.skip = self._fault
            self._wire.lane.told = self._pass
        line = connections["default"]
        with line.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backend = cursor.fetchone()[0]
        stack.enter_context(line.execute_wrapper(self._statement))
        # Django has no hook around a commit: what is true here and not known there begins with one.
        commit = line._commit  # type: ignore[attr-defined]

        def watched() -> None:
            self._pass("commit")
            commit()

        line._commit = watched  # type: ignore[attr-defined]
        stack.callback(lambda: line.__dict__.pop("_commit"))

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self._pass(sql)
        return execute(sql, params, many, context)

    def _pass(self, what: str) -> None:
        self.instants.append(what)
        if len(self.instants) - 1 == self._instant:
            self._stop(what)


@contextmanager
def stopping(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While inside, failpoints stop the workers that are to stop there, and nobody's heart beats while it sleeps."""

    def reached(place: str) -> None:
        if _here.worker is not None:
            _here.worker.reached(place)

    with monkeypatch.context() as patches:
        patches.setattr(failpoints, "reached", reached)
        patches.setattr(heartbeats, "BEAT", 3600.0)
        yield
