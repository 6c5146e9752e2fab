"""DuckDB files as Warehouses: opened read-only, locked down, streamed in DuckDB's own Arrow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from jobs.warehouses import times
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "duckdb"

# No file but the warehouse's own, no extension, and no SQL that lifts this again.
LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
ROWS = 10_000


class Stream:
    """A DuckDB query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        self._connection, self._sql = connection, sql
        self._reader: pa.RecordBatchReader = ()

    def start(self) -> pa.Schema:
        self._reader = _run(self._connection, self._sql)
        return times.readable_schema(self._reader.schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                yield times.readable(batch)
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise _explained(error) from error

    def cancel(self) -> None:
        self._connection.interrupt()


@contextmanager
def open_stream(location: str, secret: str, sql: str) -> Iterator[Stream]:  # noqa: ARG001 - a file has no secret
    """Ready to run one SELECT on the DuckDB file at `location`."""
    if not Path(location).is_file():
        raise WarehouseUnreachable(f"The warehouse's file {Path(location).name} does not exist.")
    try:
        connection = duckdb.connect(location, read_only=True, config=LOCKED_DOWN)
    except duckdb.Error as error:
        raise WarehouseUnreachable(f"The warehouse's file can't be opened: {_first_line(error)}") from error
    try:
        # A small buffer makes a slow query show its first rows, and end soon when it is interrupted.
        connection.execute("SET streaming_buffer_size = '1MB'")
        connection.execute("SET lock_configuration = true")
        yield Stream(connection, sql)
    finally:
        connection.close()


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
