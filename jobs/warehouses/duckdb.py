"""DuckDB files as Warehouses: opened read-only, locked down, streamed in DuckDB's own Arrow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from jobs.warehouses import times
from jobs.warehouses.base import Query
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "duckdb"

# No extension; then no file but the warehouse's own, and no SQL that lifts this again.
WITHOUT_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# A small buffer makes a slow query show its first rows, and end soon when it is interrupted.
LOCKED_DOWN = (
    "SET streaming_buffer_size = '1MB'",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
# What DuckDB itself calls a database; a file of that name is attached as "warehouse".
TAKEN = ("memory", "temp", "system")
ROWS = 10_000


class Stream:
    """A DuckDB query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: Query) -> None:
        self._connection, self._query = connection, query
        self._reader: pa.RecordBatchReader | None = None

    def start(self) -> pa.Schema:
        self._reader = _run(self._connection, self._query.sql)
        return times.readable_schema(self._reader.schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader or ():
                yield times.readable(batch)
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise _explained(error) from error

    def cancel(self) -> None:
        self._connection.interrupt()

    def working(self) -> bool:
        """A query runs in this process: there is no line that could go silent."""
        return True

    def close(self) -> None:
        """Let go of what was not read: a reader that outlived its connection, if only in the traceback of an error,
        would keep a database that the next connection of this process waits for."""
        if self._reader is not None:
            self._reader.close()
        self._connection.close()


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:  # noqa: ARG001 - a file has no secret
    """Ready to run one SELECT on the DuckDB file at `location`."""
    if not Path(location).is_file():
        raise WarehouseUnreachable(f"The warehouse's file {Path(location).name} does not exist.")
    # An instance of its own for each look: one that is shared is locked down by whoever comes first, and whoever still
    # holds something of it keeps all others waiting.
    connection = duckdb.connect(":memory:", config=WITHOUT_EXTENSIONS)
    stream = Stream(connection, query)
    try:
        _attach(connection, location)
        yield stream
    finally:
        stream.close()


def examine(location: str, secret: str) -> list[str]:
    """A file is opened read-only and locked down whatever is in it."""
    with open_stream(location, secret, Query("SELECT 1 AS one")) as stream:
        stream.start()
    return []


def _attach(connection: duckdb.DuckDBPyConnection, location: str) -> None:
    """The file under its own name, read-only; then nothing else is reached from here."""
    stem = Path(location).stem
    name = "warehouse" if stem.lower() in TAKEN else stem.replace('"', '""')
    place = location.replace("'", "''")
    try:
        connection.execute(f"ATTACH '{place}' AS \"{name}\" (READ_ONLY)")
        connection.execute(f'USE "{name}"')
        for statement in LOCKED_DOWN:
            connection.execute(statement)
    except duckdb.Error as error:
        raise WarehouseUnreachable(f"The warehouse's file can't be opened: {_first_line(error)}") from error


def _run(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.RecordBatchReader:
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise AudienceSqlError("An Audience is one SELECT; this is something else.")
        return connection.sql(sql).to_arrow_reader(ROWS)
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise _explained(error) from error


def _explained(error: BaseException) -> Exception:
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in str(error):
        return Cancelled("The query was ended.")
    if isinstance(error, duckdb.IOException):
        return WarehouseUnreachable(f"The warehouse's file can't be read: {_first_line(error)}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {error}".strip())


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
