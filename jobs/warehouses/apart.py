"""A stream that is read in a thread of its own, so that nobody waits for ever for a line that went silent.

What a driver does on the network can't be ended from outside; who waits for it can leave. The thread that is left
behind ends when its line wakes, or when the kernel gives the line up (the keepalives of `postgresql`).
"""

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import cast

import pyarrow as pa
from django.conf import settings

from jobs.reading.base import Stream
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

logger = logging.getLogger(__name__)

AHEAD = 2  # record batches that are read before they are asked for
TICK = 0.2  # seconds between two looks at what may have happened

# Seconds for a connection to be there, for a cancelled query to end, and for the answer whether a query still runs.
OPENING, GRACE, ASKING = 30.0, 3.0, 15.0
# Seconds beyond WAREHOUSE_TIMEOUT until a query is ended from here, which the warehouse should have ended itself. The
# engine of a file has no such limit.
LATE, OF_FILES = 30.0, 0.0


class _Left(Exception):
    """Nobody takes any more what is read."""


class Apart:
    """The stream of a connector, taken from the thread that reads it."""

    def __init__(self, opening: AbstractContextManager[Stream], silence: float, late: float) -> None:
        self._opening, self._silence, self._late = opening, silence, late
        self._stream: Stream | None = None
        self._box: queue.Queue[object] = queue.Queue(AHEAD)
        self._left = threading.Event()
        self._end_by: float | None = None
        self._began = time.monotonic()
        self._ender: threading.Thread | None = None
        self._reader = threading.Thread(target=self._read, name="reader of a warehouse", daemon=True)

    def start(self) -> pa.Schema:
        """Connect, too: `cancel` frees who waits for a connection as well."""
        self._reader.start()
        try:
            self._stream = cast("Stream", self._take(OPENING))
        except Cancelled as error:
            raise WarehouseUnreachable(
                "The warehouse can't be reached: it has not let anybody in until the wait for it was ended."
            ) from error
        return self._take(self._silence)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._take(self._silence)) is not None:
            yield batch

    def working(self) -> bool:
        """Whether the warehouse says so, in time; a connection that is not there yet does not."""
        stream = self._stream
        if stream is None:
            return False
        answer: queue.Queue[bool] = queue.Queue()

        def ask() -> None:
            working = False
            # Whatever a driver says of its broken line may name what no log is to hold.
            with suppress(Exception):
                working = stream.working()
            answer.put(working)

        threading.Thread(target=ask, daemon=True).start()
        try:
            return answer.get(timeout=ASKING)
        except queue.Empty:
            return False

    def cancel(self) -> None:
        """End the query; who waits for it gets `Cancelled`, at the latest after GRACE. Never waits itself."""
        if self._end_by is None:
            self._end_by = time.monotonic() + GRACE
        if self._ender is None or not self._ender.is_alive():
            self._ender = threading.Thread(target=self._end, daemon=True)
            self._ender.start()

    def close(self) -> None:
        """Let go of the connection, or leave the thread that has it behind."""
        self._left.set()
        with suppress(queue.Empty):
            while True:
                self._box.get_nowait()
        while self._reader.is_alive():
            self.cancel()
            self._reader.join(TICK)
            if time.monotonic() > (self._end_by or 0.0):
                logger.warning(
                    "A warehouse does not let go of its line; the thread that reads it is left behind."
                )
                return

    def _read(self) -> None:
        with suppress(_Left):
            try:
                with self._opening as stream:
                    self._put(stream)
                    self._put(stream.start())
                    for batch in stream:
                        self._put(batch)
                self._put(None)
            except Exception as error:
                if isinstance(error, _Left):
                    raise
                self._put(error)

    def _put(self, item: object) -> None:
        while not self._left.is_set():
            with suppress(queue.Full):
                self._box.put(item, timeout=TICK)
                return
        raise _Left

    def _take(self, silence: float) -> object:
        """What comes next. Raises what the reader raised, Cancelled, or WarehouseUnreachable after the silence."""
        until = time.monotonic() + silence
        while True:
            self._stop_if_late()
            # Though rows come: a cancel just before the query begins ends nothing.
            if self._end_by is not None and time.monotonic() > self._end_by:
                raise Cancelled("The query was ended.")
            try:
                item = self._box.get(timeout=TICK)
            except queue.Empty:
                if time.monotonic() > until:
                    if not self.working():
                        raise WarehouseUnreachable(
                            f"The line to the warehouse went silent: nothing came for {silence:.0f} seconds, and the "
                            "warehouse does not say that it is still working on the SQL."
                        ) from None
                    until = time.monotonic() + silence
            else:
                if isinstance(item, Exception):
                    raise item
                return item

    def _stop_if_late(self) -> None:
        """For engines that end no query by themselves, and for others the last resort. Raises AudienceSqlError."""
        if time.monotonic() > self._began + settings.WAREHOUSE_TIMEOUT + self._late:
            self.cancel()
            hours = settings.WAREHOUSE_TIMEOUT / 3600
            raise AudienceSqlError(f"The SQL takes longer than {hours:g} hours (WAREHOUSE_TIMEOUT).")

    def _end(self) -> None:
        if self._stream is not None:
            # Whatever a driver says when its query has just ended by itself.
            with suppress(Exception):
                self._stream.cancel()


@contextmanager
def read(opening: AbstractContextManager[Stream], silence: float, late: float) -> Iterator[Stream]:
    """The stream, opened (by `start`) and read in a thread of its own; `silence`: seconds until a warehouse that sends
    nothing is asked whether it still works on the SQL; `late`: LATE or OF_FILES."""
    stream = Apart(opening, silence, late)
    try:
        yield stream
    finally:
        stream.close()
