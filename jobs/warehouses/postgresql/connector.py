"""PostgreSQL as a Warehouse: a transaction that only reads, streamed as Arrow by ADBC (COPY in binary underneath)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi
from django.conf import settings

from jobs.reading import times
from jobs.reading.base import Query
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import utf8
from jobs.warehouses.postgresql import arrays, catalogue, errors, roles, session, types

# Bytes of a record batch, about: small, so that something comes soon from a warehouse that only trickles, and not
# smaller, for each costs all who handle it 2 ms, whatever is in it.
BATCH = 4 << 20

# A server that waits for us to take rows, while we wait for them, has a broken line and no work.
WORKING = """
SELECT count(*) > 0 AS working FROM pg_catalog.pg_stat_activity
WHERE pid = {pid} AND state = 'active' AND wait_event_type IS DISTINCT FROM 'Client'
"""
# What mends text in a database that takes whatever bytes it is given (SQL_ASCII).
CONVERTING = (
    "leave it out, or convert it in the SQL, as convert_from(convert(convert_to({name}, 'SQL_ASCII'), 'LATIN1', "
    "'UTF8'), 'UTF8') AS {name} does with Latin-1"
)
FAILURES = (OSError, pa.ArrowException, adbc_driver_manager.Error)


class Stream:
    """A PostgreSQL query."""

    def __init__(self, connection: dbapi.Connection, uri: str, query: Query) -> None:
        self._connection, self._uri, self._query = connection, uri, query
        self._reader: pa.RecordBatchReader = ()
        self._told = self._schema = pa.schema([])
        self._cancelled = False
        # The driver must not close what another thread cancels.
        self._closing, self._closed = threading.Lock(), False
        session.begin(connection)
        [found] = session.ask(connection, roles.FOUND.format(guards=session.guarding()))
        roles.check(found)
        self._pid = found["pid"]
        self._cursor = connection.cursor()
        self._cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH)})

    def start(self) -> pa.Schema:
        try:
            sql = bare(session.bind(self._connection, self._query))
            self._stop_if_cancelled()
            told = self._cursor.adbc_execute_schema(arrays.READING.format(sql))
            self._stop_if_cancelled()
            self._told = catalogue.named(self._connection, sql, told)
            self._schema = types.readable_schema(self._told)
            self._stop_if_cancelled()
            self._cursor.execute(arrays.reading(sql, self._told))
            self._reader = self._cursor.fetch_record_batch()
        except FAILURES as error:
            raise self._explained(error) from error
        except UnicodeDecodeError as error:
            raise AudienceSqlError(
                "A column's name is not UTF-8: leave the column out, or name all columns of its table anew, as in "
                "SELECT a, b FROM customers AS c (a, b)."
            ) from error
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                found = times.readable(types.readable(arrays.flat(batch, self._told), self._schema))
                utf8.check(found, CONVERTING)
                yield found
        except FAILURES as error:
            raise self._explained(error) from error

    def cancel(self) -> None:
        self._cancelled = True
        with self._closing, suppress(adbc_driver_manager.Error):
            if not self._closed:
                self._cursor.adbc_cancel()

    def working(self) -> bool:
        """Asked over a line of its own. A server that answers and can't tell gets the benefit of the doubt."""
        try:
            with dbapi.connect(self._uri, autocommit=True) as connection:
                return bool(session.ask(connection, WORKING.format(pid=self._pid))[0]["working"])
        except adbc_driver_manager.Error as error:
            state = error.sqlstate or ""
            return bool(state) and not state.startswith(errors.BROKEN)

    def close(self) -> None:
        self.cancel()
        with self._closing, suppress(adbc_driver_manager.Error):
            self._closed = True
            self._cursor.close()

    def _stop_if_cancelled(self) -> None:
        """A cancel that came before there was anything to end."""
        if self._cancelled:
            raise Cancelled("The query was ended.")

    def _explained(self, error: BaseException) -> Exception:
        return errors.explained(
            error, self._query.sql, cancelled=self._cancelled, timeout=settings.WAREHOUSE_TIMEOUT
        )


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT on the database at `location` (postgresql://user@host:port/name)."""
    uri = session.address(location, secret)
    with _connected(uri) as connection:
        try:
            stream = Stream(connection, uri, query)
        except adbc_driver_manager.Error as error:
            raise _unreachable(error) from error
        try:
            yield stream
        finally:
            stream.close()


def examine(location: str, secret: str) -> list[str]:
    """What the role may do that it should not."""
    with _connected(session.address(location, secret)) as connection:
        try:
            session.begin(connection)
            [found] = session.ask(connection, roles.FOUND.format(guards=session.guarding()))
            roles.check(found)
            [powers] = session.ask(connection, roles.POWERS)
        except adbc_driver_manager.Error as error:
            raise _unreachable(error) from error
    return roles.warnings(found["role"], powers)


@contextmanager
def _connected(uri: str) -> Iterator[dbapi.Connection]:
    """A connection that commits nothing: what it began is undone when it ends."""
    try:
        connection = dbapi.connect(uri, autocommit=True)
    except adbc_driver_manager.Error as error:
        raise _unreachable(error) from error
    try:
        yield connection
    finally:
        with suppress(adbc_driver_manager.Error):
            connection.close()


def _unreachable(error: BaseException) -> WarehouseUnreachable:
    return WarehouseUnreachable(f"The warehouse can't be reached: {errors.first_lines(error)}")
