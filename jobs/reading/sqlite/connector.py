"""SQLite files as Warehouses: opened read-only, each step of the SQL asked for its permission, rows made into columns.

Python's own driver does it, not ADBC's: that one can't be cancelled, runs what comes before a semicolon and says
nothing of the rest, and takes a number for another one where the types of a column's rows differ.
"""

import datetime
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from jobs.reading import rows, variables
from jobs.reading.base import Limits, Query, Value
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.reading.rows import Row
from jobs.reading.sqlite import guard, temp, types

# Steps of SQLite's machine between two looks whether the query is still wanted, some thousandths of a second. An
# interrupt is sooner, but ends nothing when it comes just before the query begins.
STEPS = 200_000


class Stream:
    """A SQLite query."""

    def __init__(self, connection: sqlite3.Connection, query: Query, limits: Limits) -> None:
        self._connection, self._query = connection, query
        self._cursor = connection.cursor()
        self._schema = pa.schema([])
        self._first: pa.RecordBatch | None = None
        self._rows = 0
        self._unwanted = threading.Event()
        self._temporary = temp.Watch(limits.temporary)
        connection.set_progress_handler(self._is_to_end, STEPS)

    def start(self) -> pa.Schema:
        sql = bare(self._query.sql)
        values = {name: _bindable(name, value) for name, value in self._query.values.items()}
        declared = guard.declared(self._connection, variables.bound(sql, lambda _: "NULL"))
        with self._explaining():
            self._cursor.execute(variables.bound(sql, lambda name: f":{name}"), values)
            found = rows.taken(self._cursor)
        names = [column[0] for column in self._cursor.description or ()]
        self._schema = _schema(names, declared, found)
        self._first = self._batch(found)
        return self._schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        batch, self._first = self._first, None
        while batch is not None:
            if batch.num_rows:
                yield batch
            if self._unwanted.is_set():
                raise Cancelled("The query was ended.")
            with self._explaining():
                found = rows.taken(self._cursor)
            batch = self._batch(found) if found else None

    def cancel(self) -> None:
        self._unwanted.set()
        with suppress(sqlite3.Error):  # of a connection that is closed
            self._connection.interrupt()

    def working(self) -> bool:
        """A query runs in this process: there is no line that could go silent."""
        return True

    def close(self) -> None:
        """The cursor as well: SQLite keeps the file open while a statement is left, if only in a traceback."""
        self._cursor.close()
        self._connection.close()

    def _is_to_end(self) -> bool:
        return self._unwanted.is_set() or self._temporary.is_too_much()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            with guard.explaining():
                yield
        except Cancelled:
            if self._temporary.exceeded:
                raise AudienceSqlError(
                    "The SQL sorts or joins so much that it needs more of the worker's disk than "
                    f"WAREHOUSE_TEMPORARY_BYTES ({self._temporary.most:,}) and the free half of it "
                    "allow: is a condition of a join missing?"
                ) from None
            raise

    def _batch(self, found: list[Row]) -> pa.RecordBatch:
        columns = zip(*found, strict=True) if found else [()] * len(self._schema)
        arrays = [
            types.column(field.name, field.type, values, self._rows + 1)
            for field, values in zip(self._schema, columns, strict=True)
        ]
        self._rows += len(found)
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def memory(limits: Limits) -> int:  # noqa: ARG001  which SQLite is not asked about
    """Bytes that SQLite keeps account of."""
    return guard.MEMORY


@contextmanager
def open_stream(location: str, query: Query, limits: Limits) -> Iterator[Stream]:
    """Ready to run one SELECT on the SQLite file at `location`."""
    name = Path(location).name
    if not Path(location).is_file():
        raise WarehouseUnreachable(f"The warehouse's file {name} does not exist.")
    try:
        guard.check_beside(location)
        connection = guard.connection(location)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise WarehouseUnreachable(f"The warehouse's file {name} can't be opened: {why}.") from error
    with closing(Stream(connection, query, limits)) as stream:
        yield stream


def examine(location: str, limits: Limits) -> list[str]:
    """A file is opened read-only, whatever is in it."""
    with open_stream(location, Query("SELECT 1 AS one"), limits) as stream:
        stream.start()
    return []


def _schema(names: list[str], declared: list[str], found: list[Row]) -> pa.Schema:
    columns = zip(*found, strict=True) if found else [()] * len(names)
    declared = declared if len(declared) == len(names) else [""] * len(names)
    return pa.schema(
        [types.field(name, kind, values) for name, kind, values in zip(names, declared, columns, strict=True)]
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
