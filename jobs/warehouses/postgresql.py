"""PostgreSQL as a Warehouse: a read-only session, streamed as Arrow by ADBC (COPY in binary underneath)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from jobs.warehouses.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

DIALECT = "postgres"

STATEMENT_TIMEOUT = 6 * 3600  # seconds: an extraction of ten million records takes minutes
CONNECT_TIMEOUT = 10  # seconds


class Stream:
    """A running PostgreSQL query."""

    def __init__(self, cursor: dbapi.Cursor) -> None:
        self._cursor = cursor
        self._reader = cursor.fetch_record_batch()
        self.schema = pa.schema([pa.field(f.name, _plain(f.type)) for f in self._reader.schema])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                yield pa.RecordBatch.from_arrays(
                    [_storage(column) for column in batch.columns], schema=self.schema
                )
        except (OSError, pa.ArrowException, adbc_driver_manager.Error) as error:
            raise _explained(error) from error

    def cancel(self) -> None:
        with suppress(adbc_driver_manager.Error):
            self._cursor.adbc_cancel()


@contextmanager
def open_stream(location: str, secret: str, sql: str) -> Iterator[Stream]:
    """Run one SELECT on the database at `location` (postgresql://user@host:port/name)."""
    try:
        connection = dbapi.connect(_uri(location, secret))
    except adbc_driver_manager.Error as error:
        raise WarehouseUnreachable(f"The warehouse can't be reached: {_first_line(error)}") from error
    try:
        cursor = connection.cursor()
        try:
            yield _run(cursor, sql)
        finally:
            with suppress(adbc_driver_manager.Error):
                cursor.adbc_cancel()
            with suppress(adbc_driver_manager.Error):
                cursor.close()
    finally:
        with suppress(adbc_driver_manager.Error):
            connection.close()


def _run(cursor: dbapi.Cursor, sql: str) -> Stream:
    try:
        cursor.execute(sql.strip().rstrip(";"))
        return Stream(cursor)
    except (OSError, pa.ArrowException, adbc_driver_manager.Error) as error:
        raise _explained(error) from error


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


def _plain(kind: pa.DataType) -> pa.DataType:
    """ADBC gives numeric, jsonb and the like as extension types over text."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _storage(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _explained(error: BaseException) -> Exception:
    state = getattr(error, "sqlstate", None) or ""
    message = _first_line(error)
    if isinstance(error, adbc_driver_manager.Error) and (
        error.status_code is adbc_driver_manager.AdbcStatusCode.CANCELLED or state == "57014"
    ):
        if "statement timeout" in str(error):
            return AudienceSqlError(f"The SQL takes longer than {STATEMENT_TIMEOUT // 3600} hours.")
        return Cancelled("The query was ended.")
    if state == "25006":
        return AudienceSqlError("An Audience only reads; this SQL would write, and the warehouse refused it.")
    if state.startswith(("08", "57P")) or "server closed the connection" in str(error):
        return WarehouseUnreachable(f"The line to the warehouse broke: {message}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {message}")


def _first_line(error: BaseException) -> str:
    """The server's own words without the driver's preamble; a URI with a password never stands in them."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(line.strip() for line in lines[:2])[:500] if lines else type(error).__name__
