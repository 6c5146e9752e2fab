"""Any database that SQLAlchemy has a dialect for: rows by its driver, made into columns, undone at the end.

What such a database lets a SELECT do is not ours to know: reading only is as good as the role that lets us in.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import sqlalchemy
from django.conf import settings

from jobs.warehouses import sasession, satypes, services, times
from jobs.warehouses.base import Query
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseError, WarehouseUnreachable

DIALECT = ""  # whatever sqlglot can make of it

# Rows that decide on the types of the columns; rows taken from the driver at once, at first.
FIRST, PIECE = 2_000, 100
# A record batch: about so many bytes, and seconds until rows are shown that come slowly.
BATCH, PROMPT = 2 << 20, 0.5

# How drivers end what they do, from another thread.
ENDING = ("cancel", "interrupt")

FAILURES = sasession.FAILURES


class Stream:
    """A query on a connection of SQLAlchemy's."""

    def __init__(self, engine: sqlalchemy.Engine, connection: sqlalchemy.Connection, query: Query) -> None:
        self._engine, self._connection, self._query = engine, connection, query
        self._driver: Any = connection.connection.dbapi_connection
        self._result: sqlalchemy.CursorResult[Any] | None = None
        self._columns: list[satypes.Column] = []
        self._first: list[Sequence[Any]] = []
        self._piece = PIECE
        self._cancelled = self._late = self._done = False
        self._timer = threading.Timer(settings.WAREHOUSE_TIMEOUT, self._end_late)
        self._timer.daemon = True

    def start(self) -> pa.Schema:
        statement = sasession.statement(self._query)
        self._timer.start()
        try:
            self._stop_if_cancelled()
            self._result = self._connection.execute(statement)
            if not self._result.returns_rows:
                raise AudienceSqlError("An Audience is one SELECT; this gives no rows. It was undone.")
            keys = self._result.keys()
            self._first = self._first_rows()
        except FAILURES as error:
            raise self._explained(error) from error
        self._columns = satypes.columns(list(keys), self._first)
        return times.readable_schema(satypes.schema(self._columns))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Batches of about BATCH, made of pieces that are no larger than the rows allow."""
        rows, self._first = self._first, []
        began = time.monotonic()
        held: list[pa.RecordBatch] = []
        while rows or held:
            if rows:
                held.append(times.readable(satypes.batch(self._columns, rows)))
            if not rows or sum(piece.nbytes for piece in held) > BATCH or time.monotonic() - began > PROMPT:
                yield pa.concat_batches(held)
                held, began = [], time.monotonic()
            rows = self._more() if rows else rows
        self._done = True

    def cancel(self) -> None:
        self._cancelled = True
        if self._result is not None or self._timer.is_alive():
            self._end()

    def working(self) -> bool:
        """Whether anybody is there: what the database does for us can't be asked in all of them."""
        try:
            with self._engine.connect():
                return True
        except FAILURES:
            return False

    def close(self) -> None:
        self._timer.cancel()
        if not self._done and self._result is not None:
            self._end()  # some drivers would read all the rest before they let go
        self._done = True
        with suppress(Exception):  # of a line that was cut
            if self._result is not None:
                self._result.close()
            self._connection.rollback()
        with suppress(Exception):
            self._connection.close()

    def _first_rows(self) -> list[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        size, until = 0, time.monotonic() + PROMPT
        while len(rows) < FIRST and size < BATCH and time.monotonic() < until:
            piece = self._taken()
            if not piece:
                break
            rows += piece
            size += satypes.size(piece)
        return rows

    def _more(self) -> list[Sequence[Any]]:
        try:
            return self._taken()
        except FAILURES as error:
            raise self._explained(error) from error

    def _taken(self) -> list[Sequence[Any]]:
        """The next rows; fewer of them if they are long or come slowly."""
        self._stop_if_cancelled()
        asked = time.monotonic()
        rows: list[Sequence[Any]] = list(self._result.fetchmany(self._piece)) if self._result else []
        heavy = satypes.size(rows) > BATCH / 4 or time.monotonic() - asked > PROMPT / 2
        self._piece = max(1, self._piece // 4) if heavy else min(sasession.MOST, self._piece * 2)
        return rows

    def _end_late(self) -> None:
        self._late = True
        self._end()

    def _end(self) -> None:
        """By the driver's own means; where it has none, the line is cut."""
        with suppress(Exception):  # whatever a driver says when there was nothing to end
            for thing in (self._driver, getattr(self._result, "cursor", None)):
                for name in ENDING:
                    if callable(way := getattr(thing, name, None)):
                        way()
                        return
            if callable(number := getattr(self._driver, "thread_id", None)):  # MySQL's drivers
                with self._engine.connect() as beside:
                    beside.exec_driver_sql(f"KILL QUERY {number():d}")
                return
            sasession.cut(self._driver)

    def _stop_if_cancelled(self) -> None:
        if self._late:
            raise services.slow()
        if self._cancelled:
            raise Cancelled("The query was ended.")

    def _explained(self, error: BaseException) -> WarehouseError:
        if self._late:
            return services.slow()
        if self._cancelled:
            return Cancelled("The query was ended.")
        if isinstance(error, OSError) or getattr(error, "connection_invalidated", False):
            return WarehouseUnreachable(f"The line to the warehouse broke: {sasession.words(error)}")
        return AudienceSqlError(f"The warehouse refuses the SQL: {sasession.words(error)}")


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT at the URL `location`, as SQLAlchemy understands it, without the password."""
    engine = sasession.engine(location, secret)
    try:
        stream = Stream(engine, sasession.connected(engine, secret), query)
        try:
            yield stream
        finally:
            stream.close()
    finally:
        engine.dispose()


def examine(location: str, secret: str) -> list[str]:
    """That nothing holds the role to reading but itself, always."""
    engine = sasession.engine(location, secret)
    try:
        sasession.connected(engine, secret).close()
    finally:
        engine.dispose()
    own = sasession.OWN_KINDS.get(engine.dialect.name)
    better = f"{own} has a kind of Warehouse of its own, which holds it to reading: better choose that."
    return [sasession.UNHELD, better] if own else [sasession.UNHELD]
