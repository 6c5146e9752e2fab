"""Any database that SQLAlchemy has a dialect for: rows by its driver, made into columns, undone at the end.

What such a database lets a SELECT do is not ours to know: reading only is as good as the role that lets us in.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import sqlalchemy
from django.conf import settings

from jobs.reading import rows, times
from jobs.reading.base import Query
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseError, WarehouseUnreachable
from jobs.reading.rows import Row
from jobs.warehouses import services
from jobs.warehouses.sqlalchemy import session, types

PIECE = 100  # rows taken from the driver at once, at first

# How drivers end what they do, from another thread.
ENDING = ("cancel", "interrupt")

FAILURES = session.FAILURES


class Stream:
    """A query on a connection of SQLAlchemy's."""

    def __init__(self, engine: sqlalchemy.Engine, connection: sqlalchemy.Connection, query: Query) -> None:
        self._engine, self._connection, self._query = engine, connection, query
        self._driver: Any = connection.connection.dbapi_connection
        self._result: sqlalchemy.CursorResult[Any] | None = None
        self._columns: list[types.Column] = []
        self._rows: Iterator[Row] = iter(())
        self._first: list[Row] = []
        self._piece = PIECE
        self._cancelled = self._late = self._done = False
        self._timer = threading.Timer(settings.WAREHOUSE_TIMEOUT, self._end_late)
        self._timer.daemon = True

    def start(self) -> pa.Schema:
        statement = session.statement(self._query)
        self._timer.start()
        try:
            self._stop_if_cancelled()
            self._result = self._connection.execute(statement)
            if not self._result.returns_rows:
                raise AudienceSqlError("An Audience is one SELECT; this gives no rows. It was undone.")
            keys = self._result.keys()
            self._rows = self._fetched(self._result)
            self._first = rows.taken(self._rows)
        except FAILURES as error:
            raise self._explained(error) from error
        self._columns = types.columns(list(keys), self._first)
        return times.readable_schema(types.schema(self._columns))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        found, self._first = self._first, []
        while found:
            self._piece = max(1, len(found) // 2)
            yield times.readable(types.batch(self._columns, found))
            try:
                found = rows.taken(self._rows)
            except FAILURES as error:
                raise self._explained(error) from error
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

    def _fetched(self, result: sqlalchemy.CursorResult[Any]) -> Iterator[Row]:
        """The rows, taken from the driver so many at once as fit twice into the last batch: few, if long or slow."""
        self._stop_if_cancelled()
        while piece := result.fetchmany(self._piece):
            yield from piece
            self._stop_if_cancelled()

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
            session.cut(self._driver)

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
            return WarehouseUnreachable(f"The line to the warehouse broke: {session.words(error)}")
        return AudienceSqlError(f"The warehouse refuses the SQL: {session.words(error)}")


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT at the URL `location`, as SQLAlchemy understands it, without the password."""
    engine = session.engine(location, secret)
    try:
        stream = Stream(engine, session.connected(engine, secret), query)
        try:
            yield stream
        finally:
            stream.close()
    finally:
        engine.dispose()


def examine(location: str, secret: str) -> list[str]:
    """That nothing holds the role to reading but itself, always."""
    engine = session.engine(location, secret)
    try:
        session.connected(engine, secret).close()
    finally:
        engine.dispose()
    return [session.UNHELD]
