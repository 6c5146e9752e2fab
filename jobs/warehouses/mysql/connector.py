"""MySQL and MariaDB as Warehouses: a transaction that only reads, and rows that Arrow cuts from the line."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa
from django.conf import settings
from pymysql.connections import Connection

from jobs.reading import times
from jobs.reading.base import Query
from jobs.reading.errors import Cancelled
from jobs.warehouses.mysql import errors, roles, session, types, wire

# A server that waits for us to take rows, while we wait for them, has a broken line and no work.
WORKING = """
SELECT COUNT(*) FROM information_schema.PROCESSLIST
WHERE ID = {id} AND COMMAND <> 'Sleep' AND COALESCE(STATE, '') NOT IN ('Writing to net', 'Sending to client')
"""


class Stream:
    """A query of MySQL's or MariaDB's."""

    def __init__(self, connection: Connection, location: str, secret: str, query: Query) -> None:
        self._connection, self._location, self._secret, self._query = connection, location, secret, query
        self._id = connection.thread_id()
        self._result: wire.Result | None = None
        self._columns: list[types.Column] = []
        self._schema = pa.schema([])
        self._cancelled = self._running = False

    def start(self) -> pa.Schema:
        self._running = True
        try:
            statement = session.prepare(self._connection, self._query)
            self._stop_if_cancelled()
            self._result = wire.Result(self._connection, statement)
            self._stop_if_cancelled()
        except errors.FAILURES as error:
            raise self._explained(error) from error
        self._columns = [types.column(field) for field in self._result.fields]
        self._schema = pa.schema([column.field for column in self._columns])
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for cells in self._result or ():
                self._stop_if_cancelled()
                arrays = [column(found) for column, found in zip(self._columns, cells, strict=True)]
                yield times.readable(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        except errors.FAILURES as error:
            raise self._explained(error) from error
        self._running = False

    def cancel(self) -> None:
        self._cancelled = True
        if self._running:
            self._end()

    def working(self) -> bool:
        """Asked over a line of its own. A server that answers and can't tell gets the benefit of the doubt."""
        try:
            with self._beside() as connection:
                [(count,)] = session.ask(connection, WORKING.format(id=self._id))
        except errors.FAILURES as error:
            return not errors.is_broken(error)
        return bool(count)

    def close(self) -> None:
        """Let go of the line, and of a query that goes on: its rows would all have to be read before anything else."""
        if not self._running:
            with suppress(*errors.FAILURES):
                self._connection.close()
            return
        self._end()
        self._connection._force_close()

    def _end(self) -> None:
        """Over a line of its own, as the other one is taken by the query."""
        with suppress(*errors.FAILURES), self._beside() as connection:
            session.ask(connection, f"KILL QUERY {self._id:d}")

    @contextmanager
    def _beside(self) -> Iterator[Connection]:
        connection = session.dial(self._location, self._secret, session.PATIENCE)
        try:
            yield connection
        finally:
            connection.close()

    def _stop_if_cancelled(self) -> None:
        """A cancel that came before there was anything to end, or when all was over."""
        if self._cancelled:
            raise Cancelled("The query was ended.")

    def _explained(self, error: BaseException) -> Exception:
        # A server that says what is wrong has ended the query.
        self._running = errors.is_broken(error)
        return errors.explained(error, cancelled=self._cancelled, timeout=settings.WAREHOUSE_TIMEOUT)


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT on the database at `location` (mysql://user@host:port/name)."""
    connection = session.connect(location, secret)
    stream = Stream(connection, location, secret, query)
    try:
        _guard(connection)
        yield stream
    finally:
        stream.close()


def examine(location: str, secret: str) -> list[str]:
    """What the user may do that it should not."""
    connection = session.connect(location, secret, session.PATIENCE)
    try:
        return roles.warnings(*_guard(connection)) + session.warnings(location)
    finally:
        with suppress(*errors.FAILURES):
            connection.close()


def _guard(connection: Connection) -> tuple[str, set[roles.Grant]]:
    """Let in what may only read. Raises WarehouseUnsafe, WarehouseUnreachable."""
    try:
        user, grants = roles.look(connection)
        roles.check(user, grants)
        session.begin(connection)
    except errors.FAILURES as error:
        raise errors.unreachable(error) from error
    return user, grants
