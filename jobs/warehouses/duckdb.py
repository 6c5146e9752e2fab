"""DuckDB files, and folders of Parquet and CSV files, as Warehouses: read-only, locked down, streamed as Arrow.

A large sort or join lies on disk, in a folder that goes with the query.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from django.conf import settings

from accelerator import protocol
from jobs.warehouses import duckfolder, times, variables
from jobs.warehouses.base import Query
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "duckdb"

# No extension; then no file but the warehouse's own, and no SQL that lifts this again.
WITHOUT_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# A small buffer makes a slow query show its first rows, and end soon when it is interrupted.
BUFFER = "SET streaming_buffer_size = '1MB'"
LOCKED_DOWN = ("SET enable_external_access = false", "SET lock_configuration = true")
# What DuckDB itself calls a database; a file of that name is attached as "warehouse".
TAKEN = ("memory", "temp", "system")
ROWS = 10_000


class Stream:
    """A DuckDB query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: Query) -> None:
        self._connection, self._query = connection, query
        self._reader: pa.RecordBatchReader | None = None
        self._schema = pa.schema([])

    def start(self) -> pa.Schema:
        self._reader, self._schema = _run(self._connection, self._query)
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader or ():
                yield times.readable(batch.cast(self._schema))
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
    """Ready to run one SELECT on the DuckDB file, or the folder of files, at `location`."""
    place = Path(location)
    if not place.exists():
        raise WarehouseUnreachable(f"The warehouse's file {place.name} does not exist.")
    with tempfile.TemporaryDirectory(prefix="warehouse-") as aside:
        limits = {"memory_limit": settings.DUCKDB_MEMORY, "temp_directory": aside}
        # An instance of its own for each look: one that is shared is locked down by whoever comes first, and whoever
        # still holds something of it keeps all others waiting.
        connection = duckdb.connect(":memory:", config=WITHOUT_EXTENSIONS | limits)
        stream = Stream(connection, query)
        try:
            _attach(connection, place)
            yield stream
        finally:
            stream.close()


def examine(location: str, secret: str) -> list[str]:
    """A file is opened read-only and locked down whatever is in it."""
    with open_stream(location, secret, Query("SELECT 1 AS one")) as stream:
        stream.start()
    return []


def _attach(connection: duckdb.DuckDBPyConnection, place: Path) -> None:
    """The warehouse under its own name, read-only; then nothing else is reached from here."""
    try:
        connection.execute(BUFFER)
        if place.is_dir():
            duckfolder.attach(connection, duckfolder.views(place))
        else:
            _attach_file(connection, place)
        for statement in LOCKED_DOWN:
            connection.execute(statement)
    except duckdb.Error as error:
        raise WarehouseUnreachable(f"The warehouse's file can't be opened: {_first_line(error)}") from error


def _attach_file(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    name = "warehouse" if file.stem.lower() in TAKEN else file.stem.replace('"', '""')
    quoted = str(file).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS \"{name}\" (READ_ONLY)")
    connection.execute(f'USE "{name}"')


def _run(connection: duckdb.DuckDBPyConnection, query: Query) -> tuple[pa.RecordBatchReader, pa.Schema]:
    sql = variables.bound(query.sql, lambda name: f"${name}")
    values = {name: query.values[name] for name in variables.names(query.sql)}
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise AudienceSqlError("An Audience is one SELECT; this is something else.")
        found = connection.sql(sql, params=values or None)
        reader = found.to_arrow_reader(ROWS)
        return reader, _marked(reader.schema, [str(kind) for kind in found.types])
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise _explained(error) from error


def _marked(schema: pa.Schema, kinds: Sequence[str]) -> pa.Schema:
    """The schema with its columns of JSON marked, which is text for Arrow."""
    pairs = zip(schema, kinds, strict=True)
    return pa.schema([protocol.nested(field) if kind == "JSON" else field for field, kind in pairs])


def _explained(error: BaseException) -> Exception:
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in str(error):
        return Cancelled("The query was ended.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return AudienceSqlError(
            f"The SQL needs more memory than DUCKDB_MEMORY ({settings.DUCKDB_MEMORY}) allows: sort or join less of it, "
            f"or let an admin raise the limit. DuckDB says: {_first_line(error)}"
        )
    if isinstance(error, duckdb.IOException):
        return WarehouseUnreachable(f"The warehouse's file can't be read: {_first_line(error)}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {error}".strip())


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
