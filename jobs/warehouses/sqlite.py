"""SQLite files as Warehouses: opened read-only, each step of the SQL asked for its permission, rows made into columns.

Python's own driver does it, not ADBC's: that one can't be cancelled, runs what comes before a semicolon and says
nothing of the rest, and takes a number for another one where the types of a column's rows differ.
"""

import datetime
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from jobs.warehouses import sqliteguard, sqlitetypes, variables
from jobs.warehouses.base import Query, Value, bare
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "sqlite"

# Rows that decide on the types of the columns; rows taken from SQLite at once: few, for each may be long.
FIRST, PIECE = 2_000, 200
# A record batch: about so many bytes, and seconds until rows are shown that come slowly.
BATCH, PROMPT = 2 << 20, 0.5
# Steps of SQLite's machine between two looks whether the query is still wanted, some hundredths of a second. An
# interrupt is sooner, but ends nothing when it comes just before the query begins.
STEPS = 2_000_000

Row = tuple[object, ...]


class Stream:
    """A SQLite query."""

    def __init__(self, connection: sqlite3.Connection, query: Query) -> None:
        self._connection, self._query = connection, query
        self._cursor = connection.cursor()
        self._schema = pa.schema([])
        self._first: pa.RecordBatch | None = None
        self._rows, self._piece = 0, PIECE
        self._unwanted = threading.Event()
        connection.set_progress_handler(self._unwanted.is_set, STEPS)

    def start(self) -> pa.Schema:
        sql = bare(self._query.sql)
        values = {name: _bindable(name, value) for name, value in self._query.values.items()}
        declared = sqliteguard.declared(self._connection, variables.bound(sql, lambda _: "NULL"))
        with sqliteguard.explaining():
            self._cursor.execute(variables.bound(sql, lambda name: f":{name}"), values)
            rows = self._first_rows()
        names = [column[0] for column in self._cursor.description or ()]
        self._schema = _schema(names, declared, rows)
        self._first = self._batch(rows)
        return self._schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Batches of about BATCH, made of pieces that are no longer than a slow query allows."""
        if self._first is None:
            return
        held, size, began, more = [self._first], self._first.nbytes, time.monotonic(), True
        self._first = None
        while more:
            asked = time.monotonic()
            if self._unwanted.is_set():
                raise Cancelled("The query was ended.")
            with sqliteguard.explaining():
                rows = self._cursor.fetchmany(self._piece)
            more, piece = bool(rows), self._batch(rows)
            held.append(piece)
            now, added = time.monotonic(), piece.nbytes
            size += added
            slow, wide = now - asked > PROMPT / 2, added > BATCH / 4
            self._piece = max(1, self._piece // 4) if slow or wide else min(PIECE, self._piece * 2)
            if size >= BATCH or now - began > PROMPT or not more:
                yield pa.concat_batches(held)
                held, size, began = [], 0, time.monotonic()

    def cancel(self) -> None:
        self._unwanted.set()
        with suppress(sqlite3.Error):  # of a connection that is closed
            self._connection.interrupt()

    def working(self) -> bool:
        """A query runs in this process: there is no line that could go silent."""
        return True

    def _first_rows(self) -> list[Row]:
        """Some rows, for the types; fewer if they come slowly, or are long."""
        rows: list[Row] = []
        size, until = 0, time.monotonic() + PROMPT
        for row in self._cursor:
            rows.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(rows) == FIRST or size > BATCH or time.monotonic() > until:
                break
        if size > BATCH:
            self._piece = max(1, PIECE * BATCH // (4 * size))
        return rows

    def _batch(self, rows: list[Row]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        arrays = [
            sqlitetypes.column(field.name, field.type, values, self._rows + 1)
            for field, values in zip(self._schema, columns, strict=True)
        ]
        self._rows += len(rows)
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:  # noqa: ARG001 - a file has no secret
    """Ready to run one SELECT on the SQLite file at `location`."""
    name = Path(location).name
    if not Path(location).is_file():
        raise WarehouseUnreachable(f"The warehouse's file {name} does not exist.")
    connection = None
    try:
        try:
            connection = sqliteguard.connection(location)
        except sqlite3.Error as error:
            raise WarehouseUnreachable(f"The warehouse's file {name} can't be opened: {error}.") from error
        yield Stream(connection, query)
    finally:
        if connection is not None:
            connection.close()


def examine(location: str, secret: str) -> list[str]:
    """A file is opened read-only, whatever is in it."""
    with open_stream(location, secret, Query("SELECT 1 AS one")) as stream:
        stream.start()
    return []


def _schema(names: list[str], declared: list[str], rows: list[Row]) -> pa.Schema:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    declared = declared if len(declared) == len(names) else [""] * len(names)
    return pa.schema(
        [
            pa.field(name, sqlitetypes.column_type(kind, values))
            for name, kind, values in zip(names, declared, columns, strict=True)
        ]
    )


def _bindable(name: str, value: Value) -> str | int | float:
    """The value as SQLite compares it: numbers as numbers, times as its own functions write them, in UTC."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise AudienceSqlError(f"The value of {{{{ {name} }}}} is a larger number than SQLite has.")
    return value
