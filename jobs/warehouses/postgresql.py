"""PostgreSQL as a Warehouse: a read-only session, streamed as Arrow by ADBC (COPY in binary underneath)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from jobs.warehouses import pgtypes, times
from jobs.warehouses.base import bare
from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "postgres"

STATEMENT_TIMEOUT = 6 * 3600  # seconds: an extraction of ten million records takes minutes
CONNECT_TIMEOUT = 10  # seconds


class Stream:
    """A PostgreSQL query."""

    def __init__(self, cursor: dbapi.Cursor, sql: str) -> None:
        self._cursor, self._sql = cursor, sql
        self._reader: pa.RecordBatchReader = ()
        self._schema = pa.schema([])

    def start(self) -> pa.Schema:
        try:
            # On a line of its own: the driver puts the SQL between brackets, and a comment may end it.
            self._cursor.execute("\n" + bare(self._sql) + "\n")
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
        with suppress(adbc_driver_manager.Error):
            self._cursor.adbc_cancel()


@contextmanager
def open_stream(location: str, secret: str, sql: str) -> Iterator[Stream]:
    """Ready to run one SELECT on the database at `location` (postgresql://user@host:port/name)."""
    try:
        connection = dbapi.connect(_uri(location, secret))
    except adbc_driver_manager.Error as error:
        raise WarehouseUnreachable(f"The warehouse can't be reached: {_first_lines(error)}") from error
    try:
        cursor = connection.cursor()
        try:
            yield Stream(cursor, sql)
        finally:
            with suppress(adbc_driver_manager.Error):
                cursor.adbc_cancel()
            with suppress(adbc_driver_manager.Error):
                cursor.close()
    finally:
        with suppress(adbc_driver_manager.Error):
            connection.close()


def _uri(location: str, secret: str) -> str:
    """The address with the password and the session's guards; options of the location's own come first."""
    parts = urlsplit(location)
    query = dict(parse_qsl(parts.query))
    guards = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_TIMEOUT}s"
    query["options"] = " ".join(filter(None, [query.get("options"), guards]))
    query.setdefault("connect_timeout", str(CONNECT_TIMEOUT))
    query.setdefault("application_name", "accelerator")
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
    if state.startswith(("08", "57P")) or "closed the connection" in text or "terminating connection" in text:
        return WarehouseUnreachable(f"The line to the warehouse broke: {message}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {message}")


def _first_lines(error: BaseException) -> str:
    """The server's own words and the place they point at, without the driver's preamble."""
    text = str(error).rpartition("ERROR:")[2] if "ERROR:" in str(error) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip() and "SQLSTATE" not in line]
    return " ".join(lines[:2])[:500] or type(error).__name__
