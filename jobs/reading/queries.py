"""Queries on files, and looks at them, which a child does: stopped from any thread, with its process if need be."""

import contextlib
import itertools
import json
import logging
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from jobs.reading import children, errors
from jobs.reading.base import BESIDE, TOO_MUCH, Limits, Query
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

# Seconds for a query to end that is told to; what does not is ended with its process.
PATIENCE = 1.5
# Seconds for a look at a file, which no query of anybody's makes longer.
LOOKING = 60.0

logger = logging.getLogger(__name__)

_numbers = itertools.count(1)


class Task:
    """One request to a child, which can be ended from any thread."""

    def __init__(self, word: bytes, request: bytes) -> None:
        self._word, self._request, self._number = word, request, str(next(_numbers)).encode()
        self._lock = threading.Lock()
        self._child: children.Child | None = None  # while it is at our request
        self._killer: threading.Timer | None = None
        self._killed, self.unwanted = False, threading.Event()

    def begin(self) -> children.Child:
        """Raises Cancelled, children.Died, WarehouseUnreachable."""
        with self._lock:
            if self.unwanted.is_set():
                raise Cancelled("The query was ended.")
            self._child = child = children.taken()
        child.say(self._word, self._number, self._request)
        if self.unwanted.is_set():  # a stop that was said before the request went unheard
            child.say(b"stop", self._number)
        return child

    def stop(self, patience: float = PATIENCE) -> None:
        """Tell it to end; if it has not after so many seconds, its process is."""
        with self._lock:
            self.unwanted.set()
            child = self._child
            if child is None:
                return
            self.end_after(patience)
        with contextlib.suppress(children.Died):
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
            children.keep(child)
            return None
        return children.ended(child)

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
        self._reading: tuple[children.Child, pa.RecordBatchStreamReader] | None = None

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
            with contextlib.suppress(errors.WarehouseError, children.Mistake):
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
    """Raises children.Died for rows that break off."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise children.Died from error


@contextmanager
def _answering(task: Task, name: str) -> Iterator[None]:
    """What the child says is wrong leaves it as it was; anything else ends it. Raises WarehouseError, Mistake."""
    try:
        yield
    except children.Died as error:
        status = task.finish(answered=False)
        if task.unwanted.is_set():
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
    except (errors.WarehouseError, children.Mistake):
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
