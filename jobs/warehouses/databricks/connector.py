"""Databricks as a Warehouse: one query inside a SELECT, run asynchronously on a SQL warehouse, read as Arrow.

Built on the connector's source and Databricks' documents; never run against the real service.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import databricks.sql
import pyarrow as pa
import urllib3.exceptions
from databricks.sql.backend import thrift_backend
from databricks.sql.backend.types import CommandState

from jobs.reading import times, variables
from jobs.reading.base import Query, Value
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseError, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import onequery, services
from jobs.warehouses.databricks import DIALECT, oauth, roles

# The last one has every request and every row, and a level of its own since its module was imported.
services.quiet("databricks", "thrift", "urllib3", thrift_backend.unsafe_logger.name)

FORM = "databricks://host/sql/1.0/warehouses/id?catalog=NAME&schema=NAME"
TOKENS = "https://{host}/oidc/v1/token"  # where a service principal gets its own

# What begins with SELECT and is one statement, as is all that Databricks runs, can be nothing that writes: in brackets
# it takes queries alone.
READING = "SELECT * FROM ({}\n)"

# Of the connector: few files ahead, and no call that is tried again for long.
OPTIONS: dict[str, Any] = {
    "_retry_stop_after_attempts_duration": 60,
    "_socket_timeout": 120,
    "enable_telemetry": False,
    "max_download_threads": 2,
    "user_agent_entry": "accelerator",
}
FETCHED = 8 << 20  # bytes that the service sends at once, where it sends the rows itself
FEW = 100  # rows that are taken first; then as many as make a bearable batch

SOON, LATE = 0.1, 2.0  # seconds between two looks at a query, the first and the longest

FAILURES = (databricks.sql.Error, urllib3.exceptions.HTTPError, OSError)


class Stream:
    """A Databricks query."""

    def __init__(self, location: str, secret: str, query: Query) -> None:
        self._settings, self._query = _settings(location, secret), query
        self._connection: Any = None
        self._cursor: Any = None
        self._first: pa.Table | None = None
        self._schema = pa.schema([])
        self._ended, self._done = threading.Event(), False

    def start(self) -> pa.Schema:
        sql = variables.bound(bare(self._query.sql), lambda name: f":{name}")
        onequery.check(sql, DIALECT)
        values = {name: _bindable(self._query.values[name]) for name in variables.names(self._query.sql)}
        # A warehouse that is asleep lets nobody in until it has woken, which takes minutes.
        self._connection = _connect(self._settings)
        try:
            self._stop_if_ended()
            self._cursor = self._connection.cursor(arraysize=services.ROWS, buffer_size_bytes=FETCHED)
            self._cursor.execute_async(READING.format(sql), values or None)
            self._wait()
            self._cursor.get_async_execution_result()
            self._first = self._cursor.fetchmany_arrow(FEW)
        except FAILURES as error:
            raise self._explained(error) from error
        self._schema = pa.schema([pa.field(field.name, field.type) for field in self._first.schema])
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        table = self._first
        try:
            while table is not None and table.num_rows:
                self._stop_if_ended()
                yield from services.batches(table, self._schema)
                rows = services.BYTES * table.num_rows // max(1, table.nbytes)
                table = self._cursor.fetchmany_arrow(max(1, min(services.ROWS, rows)))
        except FAILURES as error:
            raise self._explained(error) from error

    def cancel(self) -> None:
        self._ended.set()
        if self._cursor is not None and self._cursor.query_id and not self._done:
            with suppress(*FAILURES):
                self._cursor.cancel()

    def working(self) -> bool:
        """A warehouse that wakes works too; a query that is done does not: then only its rows are awaited."""
        if self._cursor is None:
            return True
        try:
            return not self._done and bool(self._cursor.is_query_pending())
        except FAILURES:
            return False

    def close(self) -> None:
        self.cancel()
        if self._connection is not None:
            with suppress(*FAILURES):
                self._connection.close()

    def _wait(self) -> None:
        """Until the query is done. Raises Cancelled."""
        pause = SOON
        while self._cursor.get_query_state() in (CommandState.PENDING, CommandState.RUNNING):
            if self._ended.wait(pause):
                self.cancel()  # who asked may have come before the query had a name
                raise Cancelled("The query was ended.")
            pause = min(LATE, pause * 1.5)
        self._done = True

    def _stop_if_ended(self) -> None:
        if self._ended.is_set():
            raise Cancelled("The query was ended.")

    def _explained(self, error: Exception) -> WarehouseError:
        return Cancelled("The query was ended.") if self._ended.is_set() else _explained(error, self._cursor)


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT at `location` (databricks://host/sql/1.0/warehouses/id?catalog=..&schema=..).

    `secret`: a personal access token, or "client_id:client_secret" of a service principal.
    """
    stream = Stream(location, secret, query)
    try:
        yield stream
    finally:
        stream.close()


def examine(location: str, secret: str) -> list[str]:
    """What whom we are let in as may do beside reading."""
    settings = _settings(location, secret)
    connection = _connect(settings)
    try:
        with connection.cursor() as cursor:
            said = roles.warnings(settings["catalog"], settings["schema"], cursor)
    except FAILURES as error:
        raise _explained(error, None) from error
    finally:
        with suppress(*FAILURES):
            connection.close()
    if not settings["http_path"].startswith("/sql/1.0/"):
        said.append(
            "The path is one of a cluster, where SQL may call Java and reach files (reflect, java_method). "
            "Use a SQL warehouse, whose path begins with /sql/1.0/warehouses/."
        )
    return said


def _connect(settings: dict[str, Any]) -> Any:
    try:
        return databricks.sql.connect(**settings, **OPTIONS)
    # ImportError: a kind of warehouse for which the connector wants a package more.
    except (*FAILURES, ImportError, oauth.Refused) as error:
        raise WarehouseUnreachable(
            f"Databricks can't be reached, or lets nobody in: {_words(error)}"
        ) from None


def _parts(location: str) -> tuple[Any, dict[str, str]]:
    parts, options = services.located(location, FORM, ("catalog", "schema"), required=("catalog", "schema"))
    if not parts.path.strip("/") or "@" in parts.netloc:
        raise WarehouseUnreachable(f"The location must name a host and the path of a SQL warehouse: {FORM}.")
    return parts, options


def _settings(location: str, secret: str) -> dict[str, Any]:
    parts, options = _parts(location)
    return {
        "server_hostname": parts.netloc,
        "http_path": parts.path,
        **options,
        **_credentials(parts.netloc, secret),
        "session_configuration": {"STATEMENT_TIMEOUT": str(services.timeout())},
    }


def _credentials(host: str, secret: str) -> dict[str, Any]:
    """A personal access token has no colon; a service principal's "client_id:client_secret" has one."""
    if not secret:
        raise WarehouseUnreachable("Databricks needs a secret: an access token, or client_id:client_secret.")
    client, colon, word = secret.partition(":")
    if colon:
        return {"credentials_provider": oauth.ClientCredentials(TOKENS.format(host=host), client, word)}
    return {"access_token": secret}


def _bindable(value: Value) -> Value:
    """The connector counts the digits of a decimal as it is written, which an exponent would hide."""
    return Decimal(format(value, "f")) if isinstance(value, Decimal) else value


def _words(error: Exception) -> str:
    """Databricks' own words, without the place in its source where they were said."""
    text = str(getattr(error, "message", None) or error or type(error).__name__)
    return " ".join(text.partition("JVM stacktrace")[0].split())[:500]


def _explained(error: Exception, cursor: Any) -> WarehouseError:
    words = _words(error)
    number = f" (query {cursor.query_id})" if cursor is not None and cursor.query_id else ""
    if "timed out after" in words or "STATEMENT_TIMEOUT" in words:
        return services.slow()
    if isinstance(error, databricks.sql.exc.ServerOperationError | databricks.sql.exc.ProgrammingError):
        return AudienceSqlError(f"The warehouse refuses the SQL: {words}{number}")
    return WarehouseUnreachable(f"The line to the warehouse broke: {words}{number}")
