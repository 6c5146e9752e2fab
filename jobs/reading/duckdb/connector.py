"""DuckDB files, and folders of Parquet and CSV files, as Warehouses: read-only, locked down, streamed as Arrow.

A large sort or join lies on disk, in a folder that goes with the query.
"""

import functools
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from accelerator import protocol
from jobs.reading import times, variables
from jobs.reading.base import Limits, Query
from jobs.reading.duckdb import folders, guard
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

# No extension; then no file but the warehouse's own, and no SQL that lifts this again.
WITHOUT_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# More are hardly faster, as whoever takes the rows in needs a processor too, and each has a share of the memory: a
# sort of rows of 320 bytes needs 64 MB with one and 128 with two, which may also run out of it between two rows.
THREADS = 1
# A small buffer makes a slow query show its first rows, and end soon when it is interrupted.
BUFFER = "SET streaming_buffer_size = '1MB'"
LOCKED_DOWN = (
    "SET enable_external_access = false",
    "SET allowed_configs = ['memory_limit']",
    "SET lock_configuration = true",
)
# What DuckDB itself calls a database; a file of that name is attached as "warehouse".
TAKEN = ("memory", "temp", "system")
# What DuckDB makes into Arrow at once: few rows, for each may be long. A record batch: about so many rows or bytes,
# and seconds until rows are shown that come slowly.
PIECE, ROWS, BATCH, PROMPT = 512, 5_000, 4 << 20, 0.5
# Bytes of records after which DuckDB forgets the pages of the file that it keeps: it would keep as many as fit into
# its memory, though the system has them too. A smaller limit makes it let go of all it can, and holds for an instant.
FRESH, KEPT = 16 << 20, "8MB"
# Bytes of a narrow row.
NARROW = 400
# What it names where the disk was too small, and not the memory.
DISK = "max_temp_directory_size"
# How DuckDB shows bytes.
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class Stream:
    """A DuckDB query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: Query, limits: Limits) -> None:
        self._connection, self._query, self._limits = connection, query, limits
        self._beside = connection.cursor()
        self._files: folders.Files | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._schema = pa.schema([])

    def attach(self, place: Path) -> None:
        """The warehouse under its own name, read-only; then nothing else is reached from here."""
        try:
            self._connection.execute(BUFFER)
            if place.is_dir():
                self._files = folders.attach(self._connection, place, self._limits.memory)
            else:
                _attach_file(self._connection, place)
            for statement in LOCKED_DOWN:
                self._connection.execute(statement)
        except duckdb.Error as error:
            raise WarehouseUnreachable(
                f"The warehouse's file can't be opened: {_first_line(error)}"
            ) from error

    def broken(self) -> list[str]:
        """A sentence for each file of a folder that can't be read."""
        return [str(error) for error in self._files.broken.values()] if self._files else []

    def start(self) -> pa.Schema:
        with self._explaining():
            self._reader, self._schema = _run(self._connection, self._query)
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with self._explaining():
            fresh = 0
            for batch in self._batches():
                yield times.readable(batch.cast(self._schema))
                fresh += batch.nbytes
                # Of narrow rows that come fast: wide ones, or a query that ponders, may need more at that instant.
                if fresh >= FRESH and batch.num_rows >= ROWS and batch.nbytes <= NARROW * batch.num_rows:
                    fresh = 0
                    self._forget()

    def _forget(self) -> None:
        with suppress(duckdb.OutOfMemoryException):  # more is in use, and the limit stays as it was
            self._beside.execute(f"SET memory_limit = '{KEPT}'")
        self._beside.execute(f"SET memory_limit = '{self._limits.memory}'")

    def _batches(self) -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        rows, size, began = 0, 0, time.monotonic()
        for piece in self._reader or ():
            held.append(piece)
            rows, size = rows + piece.num_rows, size + piece.nbytes
            if rows >= ROWS or size >= BATCH or time.monotonic() - began > PROMPT:
                batch = pa.concat_batches(held)
                held, rows, size, began = [], 0, 0, time.monotonic()
                yield batch
        if held:
            yield pa.concat_batches(held)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            of_a_file = self._files.error(str(error), self._query.sql) if self._files else None
            raise (of_a_file or _explained(error, self._limits)) from error

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
        self._beside.close()
        self._connection.close()


@functools.cache
def _memory(setting: str) -> int:
    with duckdb.connect(":memory:", config={"memory_limit": setting, "threads": 1}) as connection:
        [(shown,)] = connection.sql("SELECT current_setting('memory_limit')").fetchall()
    number, unit = shown.split()
    return int(float(number) * 1024 ** UNITS.index(unit))


def memory(limits: Limits) -> int:
    """Bytes that DuckDB keeps account of."""
    return _memory(limits.memory)


@contextmanager
def open_stream(location: str, query: Query, limits: Limits) -> Iterator[Stream]:
    """Ready to run one SELECT on the DuckDB file, or the folder of files, at `location`."""
    place = Path(location)
    if not place.exists():
        raise WarehouseUnreachable(f"The warehouse's file {place.name} does not exist.")
    with tempfile.TemporaryDirectory(prefix="warehouse-") as aside:
        config = WITHOUT_EXTENSIONS | {
            "memory_limit": limits.memory,
            "threads": THREADS,
            "temp_directory": aside,
        }
        # An instance of its own for each look: one that is shared is locked down by whoever comes first, and whoever
        # still holds something of it keeps all others waiting.
        connection = duckdb.connect(":memory:", config=config)
        stream = Stream(connection, query, limits)
        try:
            # Not in the configuration, where DuckDB shows the limit and does not keep it.
            connection.execute(f"SET max_temp_directory_size = '{_most_on_disk(aside, limits.temporary)}B'")
            stream.attach(place)
            yield stream
        finally:
            stream.close()


def _most_on_disk(folder: str, most: int) -> int:
    """Bytes: never more than half of what is free, whatever the setting allows."""
    return min(most, shutil.disk_usage(folder).free // 2)


def examine(location: str, limits: Limits) -> list[str]:
    """A file is opened read-only and locked down whatever is in it."""
    with open_stream(location, Query("SELECT 1 AS one"), limits) as stream:
        stream.start()
        return stream.broken()


def _attach_file(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    name = "warehouse" if file.stem.lower() in TAKEN else file.stem.replace('"', '""')
    quoted = str(file).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS \"{name}\" (READ_ONLY)")
    connection.execute(f'USE "{name}"')


def _run(connection: duckdb.DuckDBPyConnection, query: Query) -> tuple[pa.RecordBatchReader, pa.Schema]:
    sql = variables.bound(query.sql, lambda name: f"${name}")
    values = {name: query.values[name] for name in variables.names(query.sql)}
    guard.check(connection, sql)
    found = connection.sql(sql, params=values or None)
    guard.check_types(found.columns, found.types)
    reader = found.to_arrow_reader(PIECE)
    return reader, _marked(reader.schema, [str(kind) for kind in found.types])


def _marked(schema: pa.Schema, kinds: Sequence[str]) -> pa.Schema:
    """The schema with its columns of JSON marked, which is text for Arrow."""
    pairs = zip(schema, kinds, strict=True)
    return pa.schema([protocol.nested(field) if kind == "JSON" else field for field, kind in pairs])


def _explained(error: BaseException, limits: Limits) -> Exception:
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in str(error):
        return Cancelled("The query was ended.")
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in str(error):
        if DISK in str(error):
            return AudienceSqlError(
                "The SQL sorts or joins so much that it needs more of the worker's disk than WAREHOUSE_TEMPORARY_BYTES "
                f"({limits.temporary:,}) and the free half of it allow: is a condition of a join "
                "missing?"
            )
        return AudienceSqlError(
            f"The SQL needs more memory than DUCKDB_MEMORY ({limits.memory}) allows: DuckDB works on 2,048 "
            "rows at once. Leave out columns whose values are long, sort or join less, or let an admin raise the "
            f"limit. DuckDB says: {_first_line(error)}"
        )
    if isinstance(error, duckdb.IOException):
        return WarehouseUnreachable(f"The warehouse's file can't be read: {_first_line(error)}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {error}".strip())


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
