"""PostgreSQL as a Warehouse: a read-only session, streamed as Arrow by ADBC (COPY in binary underneath)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi

from jobs.warehouses import pgtypes, times
from jobs.warehouses.base import Query, bare
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "postgres"

STATEMENT_TIMEOUT = 6 * 3600  # seconds: an extraction of ten million records takes minutes
CONNECT_TIMEOUT = 10  # seconds

# A dead line is noticed after about a minute, whichever side was to speak (seconds; tcp_user_timeout in milliseconds).
# A line that is alive and silent is the affair of `apart`.
ALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

# Bytes of a record batch, about: small, so that something comes soon from a warehouse that only trickles.
BATCH = 2 << 20

# The classes of SQLSTATE that speak of the line, not of the SQL.
BROKEN = ("08", "57P")

# A server that waits for us to take rows, while we wait for them, has a broken line and no work.
WORKING = """
SELECT count(*) > 0 AS working FROM pg_stat_activity
WHERE pid = {pid} AND state = 'active' AND wait_event_type IS DISTINCT FROM 'Client'
"""


class Stream:
    """A PostgreSQL query."""

    def __init__(self, connection: dbapi.Connection, uri: str, query: Query) -> None:
        self._uri, self._query = uri, query
        self._reader: pa.RecordBatchReader = ()
        self._schema = pa.schema([])
        # The driver must not close what another thread cancels.
        self._closing, self._closed = threading.Lock(), False
        self._cursor = connection.cursor()
        self._cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH)})
        self._pid = _pid(connection)

    def start(self) -> pa.Schema:
        try:
            # On a line of its own: the driver puts the SQL between brackets, and a comment may end it.
            self._cursor.execute("\n" + bare(self._query.sql) + "\n")
            self._reader = self._cursor.fetch_record_batch()
        except (OSError, pa.ArrowException, adbc_driver_manager.Error) as error:
            raise _explained(error) from error
        self._schema = pgtypes.readable_schema(self._reader.schema)
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                yield times.readable(pgtypes.readable(batch, self._schema))
        except (OSError, pa.ArrowException, adbc_driver_manager.Error) as error:
            raise _explained(error) from error

    def cancel(self) -> None:
        with self._closing, suppress(adbc_driver_manager.Error):
            if not self._closed:
                self._cursor.adbc_cancel()

    def working(self) -> bool:
        """Asked over a line of its own. A server that answers and can't tell gets the benefit of the doubt."""
        try:
            with dbapi.connect(self._uri) as connection, connection.cursor() as cursor:
                cursor.execute(WORKING.format(pid=self._pid))
                return bool(cursor.fetchone()[0])
        except adbc_driver_manager.Error as error:
            return error.sqlstate is not None and not error.sqlstate.startswith(BROKEN)

    def close(self) -> None:
        self.cancel()
        with self._closing, suppress(adbc_driver_manager.Error):
            self._closed = True
            self._cursor.close()


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT on the database at `location` (postgresql://user@host:port/name)."""
    uri = _uri(location, secret)
    connection = None
    try:
        try:
            connection = dbapi.connect(uri)
            stream = Stream(connection, uri, query)
        except adbc_driver_manager.Error as error:
            raise WarehouseUnreachable(f"The warehouse can't be reached: {_first_lines(error)}") from error
        try:
            yield stream
        finally:
            stream.close()
    finally:
        if connection is not None:
            with suppress(adbc_driver_manager.Error):
                connection.close()


def examine(location: str, secret: str) -> list[str]:
    """What the role may do that it should not."""
    with open_stream(location, secret, Query("SELECT 1 AS one")) as stream:
        stream.start()
    return []


def _pid(connection: dbapi.Connection) -> int:
    """The server's number of the session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _uri(location: str, secret: str) -> str:
    """The address with the password and the session's guards; options of the location's own come first."""
    parts = urlsplit(location)
    query = dict(parse_qsl(parts.query))
    guards = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_TIMEOUT}s"
    query["options"] = " ".join(filter(None, [query.get("options"), guards]))
    query.setdefault("connect_timeout", str(CONNECT_TIMEOUT))
    query.setdefault("application_name", "accelerator")
    query = ALIVE | query
    netloc = parts.netloc
    if secret and parts.username:
        netloc = f"{parts.username}:{quote(secret, safe='')}@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, quote_via=quote)))


def _explained(error: BaseException) -> Exception:
    text, state = str(error), getattr(error, "sqlstate", None) or ""
    message = _first_lines(error)
    if "due to statement timeout" in text:
        return AudienceSqlError(f"The SQL takes longer than {STATEMENT_TIMEOUT // 3600} hours.")
    # While rows are read the driver gives no SQLSTATE, only the server's text.
    if state == "57014" or "due to user request" in text or "Operation cancelled" in text:
        return Cancelled("The query was ended.")
    if state == "25006" or "in a read-only transaction" in text:
        return AudienceSqlError("An Audience only reads; this SQL would write, and the warehouse refused it.")
    if state.startswith(BROKEN) or "closed the connection" in text or "terminating connection" in text:
        return WarehouseUnreachable(f"The line to the warehouse broke: {message}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {message}")


def _first_lines(error: BaseException) -> str:
    """The server's own words and the place they point at, without the driver's preamble."""
    text = str(error).rpartition("ERROR:")[2] if "ERROR:" in str(error) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip() and "SQLSTATE" not in line]
    return " ".join(lines[:2])[:500] or type(error).__name__
