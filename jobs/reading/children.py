"""The processes that read files, seen from their parent: started when needed, kept for the next query, ended if it is
not to be had otherwise. A process that was forked has none of its parent's."""

import atexit
import contextlib
import fcntl
import io
import itertools
import json
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pyarrow as pa

from accelerator import frames
from jobs.reading import errors
from jobs.reading.base import BESIDE, TOO_MUCH, Limits, Query
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

PROGRAM = "jobs.reading.child"
ROOT = Path(__file__).parents[2]
# Of our environment, which holds secrets, a child gets what a Python may need to start, and the time zone.
ENVIRONMENT = ("LD_LIBRARY_PATH", "PATH", "TZ")
# What it frees it gives back.
MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
ROOM = 1 << 20  # bytes in a pipe

# Seconds for a query to end that is told to; what does not is ended with its process.
PATIENCE = 1.5
# Seconds for a look at a file, which no query of anybody's makes longer.
LOOKING = 60.0
# Seconds that a process is kept which has nothing to do: people look at their SQL several times in a row.
IDLE = 60.0

logger = logging.getLogger(__name__)

_numbers = itertools.count(1)


class Died(Exception):
    """The child ended before it answered."""


class Mistake(RuntimeError):
    """One of ours, in the child, which answers all the same."""


class Child:
    """One process that reads, the ends of its pipes that are ours, and the folder for what it puts on the disk."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="warehouse-")
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            self.process = process = subprocess.Popen(
                [sys.executable, "-E", "-s", "-m", PROGRAM, self.folder],
                cwd=ROOT,
                env=environment | MEMORY | {"TMPDIR": self.folder},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError:
            Path(self.folder).rmdir()
            raise
        self._input = cast("io.BufferedWriter", process.stdin)
        self.output = cast("io.BufferedReader", process.stdout)
        self._saying = threading.Lock()
        self._end_later: threading.Timer | None = None
        with contextlib.suppress(OSError):  # more room is faster; without it goes as well
            fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, ROOM)

    def say(self, *strings: bytes) -> None:
        """From any thread. Raises Died."""
        with self._saying:
            try:
                self._input.write(frames.pack(*strings))
                self._input.flush()
            except (BrokenPipeError, ValueError) as error:  # it, or we, closed the pipe
                raise Died from error

    def answer(self) -> list[bytes]:
        """Raises Died, or what `failed` names: a WarehouseError, or Mistake."""
        found = next(frames.read(self.output), None)
        if found is None:
            raise Died
        if found[0] == b"failed":
            name, sentence = (string.decode() for string in found[1:])
            raise getattr(errors, name, Mistake)(sentence)
        return found

    def rest(self) -> None:
        """It has nothing to do from now on, and may not for long."""
        self._end_later = threading.Timer(IDLE, _end_if_idle, [self])
        self._end_later.daemon = True
        self._end_later.start()

    def wake(self) -> None:
        if self._end_later is not None:
            self._end_later.cancel()

    def end(self) -> int:
        """End it, whatever it is at, with all that it put on the disk, and give its status."""
        self.process.kill()
        self._close()
        status = self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def forget(self) -> None:
        """It belongs to the process that we were forked from, a thread of which may be at its pipes: that one's lock
        never opens here, and what it has not written yet is not ours to write."""
        for pipe in (self._input, self.output):
            pipe.raw.close()
        self.process.returncode = 0

    def _close(self) -> None:
        for pipe in (self._input, self.output):
            with contextlib.suppress(OSError):  # of something unsaid, to a process that is gone
                pipe.close()


class Task:
    """One request to a child, which can be ended from any thread."""

    def __init__(self, word: bytes, request: bytes) -> None:
        self._word, self._request, self._number = word, request, str(next(_numbers)).encode()
        self._lock = threading.Lock()
        self._child: Child | None = None  # while it is at our request
        self._killer: threading.Timer | None = None
        self._killed = self.unwanted = False

    def begin(self) -> Child:
        """Raises Cancelled, Died, WarehouseUnreachable."""
        with self._lock:
            if self.unwanted:
                raise Cancelled("The query was ended.")
            self._child = child = _taken()
        child.say(self._word, self._number, self._request)
        return child

    def stop(self, patience: float = PATIENCE) -> None:
        """Tell it to end; if it has not after so many seconds, its process is."""
        with self._lock:
            self.unwanted = True
            child = self._child
            if child is None:
                return
            self.end_after(patience)
        with contextlib.suppress(Died):
            child.say(b"stop", self._number)

    def is_at_work(self) -> bool:
        return self._child is not None

    def end_after(self, seconds: float) -> None:
        if self._killer is None:
            self._killer = threading.Timer(seconds, self._kill)
            self._killer.daemon = True
            self._killer.start()

    def finish(self, *, answered: bool) -> int | None:
        """The child's last word was heard, or it is ended: then its status is given."""
        with self._lock:
            child, self._child = self._child, None
            answered = answered and not self._killed
            if self._killer is not None:
                self._killer.cancel()
        if child is None:
            return None
        if answered:
            _keep(child)
            return None
        return _ended(child)

    def _kill(self) -> None:
        with self._lock:
            if self._child is not None:
                self._killed = True
                self._child.process.kill()


class Stream:
    """A query on a file, which a child reads (`jobs.reading.base.Stream`)."""

    def __init__(self, kind: str, location: str, query: Query, limits: Limits) -> None:
        self._name = Path(location).name
        self._task = Task(b"read", _request(kind, location, query, limits))
        self._reading: tuple[Child, pa.RecordBatchStreamReader] | None = None

    def start(self) -> pa.Schema:
        with _answering(self._task, self._name):
            child = self._task.begin()
            child.answer()
            with _whole():
                rows = pa.ipc.open_stream(pa.PythonFile(child.output, mode="r"))
            self._reading = child, rows
            return rows.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        """The next batch; None when it was the last, and the child has said so."""
        if self._reading is None or not self._task.is_at_work():
            return None
        child, rows = self._reading
        with _answering(self._task, self._name):
            try:
                with _whole():
                    batch: pa.RecordBatch = rows.read_next_batch()
            except StopIteration:
                child.answer()
            else:
                return batch
        self._task.finish(answered=True)
        return None

    def cancel(self) -> None:
        self._task.stop()

    def working(self) -> bool:
        """A process of ours works on it: there is no line that could go silent."""
        return True

    def close(self) -> None:
        """Whatever it still says goes unheard, and it is kept if it ends soon."""
        if self._task.is_at_work():
            self._task.stop()
            with contextlib.suppress(errors.WarehouseError, Mistake):
                while self._next() is not None:
                    pass


@contextmanager
def open_stream(kind: str, location: str, query: Query, limits: Limits) -> Iterator[Stream]:
    """Ready to run one SELECT on the file; its `start` raises what opening it does."""
    stream = Stream(kind, location, query, limits)
    try:
        yield stream
    finally:
        stream.close()


def examine(kind: str, location: str, limits: Limits) -> list[str]:
    """Sentences about the file, none if all is as it should be. Raises WarehouseError."""
    task = Task(b"examine", _request(kind, location, None, limits))
    with _answering(task, Path(location).name):
        child = task.begin()
        task.end_after(LOOKING)
        _, said = child.answer()
    task.finish(answered=True)
    sentences: list[str] = json.loads(said)
    return sentences


def _request(kind: str, location: str, query: Query | None, limits: Limits) -> bytes:
    # It starts in a folder of its own.
    return pickle.dumps((kind, os.path.abspath(location), query, limits))  # noqa: PTH100  no link is resolved


@contextmanager
def _whole() -> Iterator[None]:
    """Raises Died for rows that break off."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise Died from error


@contextmanager
def _answering(task: Task, name: str) -> Iterator[None]:
    """What the child says is wrong leaves it as it was; anything else ends it. Raises WarehouseError, Mistake."""
    try:
        yield
    except Died as error:
        status = task.finish(answered=False)
        if task.unwanted:
            raise Cancelled("The query was ended.") from error
        logger.warning("a process that reads files ended: %s", _told(status))
        if status == TOO_MUCH:
            raise AudienceSqlError(
                f"The SQL makes values that are very long: they took more than {BESIDE >> 20} MB beside the engine's "
                "own memory. Leave them out, or shorten them."
            ) from error
        raise WarehouseUnreachable(
            f"The warehouse's file {name} can't be read: the process that read it ended ({_told(status)}). Either the "
            "machine had no memory left for it, or the file is damaged in a way that its engine can't bear."
        ) from error
    except (errors.WarehouseError, Mistake):
        task.finish(answered=True)
        raise
    except BaseException:
        task.finish(answered=False)
        raise


def _told(status: int | None) -> str:
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"status {status}"


_lock = threading.Lock()
_all: set[Child] = set()
_idle: list[Child] = []


def _taken() -> Child:
    """Raises WarehouseUnreachable."""
    with _lock:
        while _idle:
            child = _idle.pop()
            child.wake()
            if child.process.poll() is None:
                return child
            _all.discard(child)
            child.end()
    try:
        child = Child()
    except OSError as error:
        raise WarehouseUnreachable(f"No process that reads the file could be started: {error}") from error
    _all.add(child)
    return child


def _keep(child: Child) -> None:
    with _lock:
        if not _idle:
            _idle.append(child)
            child.rest()
            return
    _ended(child)


def _ended(child: Child) -> int:
    _all.discard(child)
    return child.end()


def _end_if_idle(child: Child) -> None:
    with _lock:
        if child not in _idle:
            return
        _idle.remove(child)
    _ended(child)


def pids() -> list[int]:
    """Of the processes that there are."""
    return [child.process.pid for child in list(_all)]


@atexit.register
def end_all() -> None:
    """End what is kept, and what is not done yet."""
    _idle.clear()
    for child in list(_all):
        _ended(child)


def _forget_all() -> None:
    """In a process that was forked: its parent's children are none of its."""
    global _lock
    _lock = threading.Lock()
    while _all:
        _all.pop().forget()
    _idle.clear()


os.register_at_fork(after_in_child=_forget_all)
