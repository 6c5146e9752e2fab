"""Snowflake as a Warehouse: one query inside a SELECT, run asynchronously by its id, read as Arrow.

Built on the connector's source and Snowflake's documents; never run against the real service.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import snowflake.connector

from accelerator import protocol
from jobs.reading import times, variables
from jobs.reading.base import Query, Value
from jobs.reading.errors import Cancelled, WarehouseError, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import onequery, services
from jobs.warehouses.snowflake import DIALECT, errors, roles

# What kind of machine this is would be asked of every cloud there is, at each login.
os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
services.quiet("snowflake")

FORM = "snowflake://user@account/database/schema?warehouse=NAME&role=NAME"

# What begins with SELECT, is one statement (MULTI_STATEMENT_COUNT) and stays inside (`onequery`) can be nothing that
# writes: in brackets Snowflake takes queries alone.
READING = "SELECT * FROM ({}\n)"

# Of a session. An asynchronous query whose asker is gone is ended after five minutes; we ask all the time.
PARAMETERS: dict[str, str | int | bool] = {
    "ABORT_DETACHED_QUERY": True,
    "CLIENT_RESULT_CHUNK_SIZE": 48,  # MB, the least there is
    "CLIENT_TELEMETRY_ENABLED": False,
    "MULTI_STATEMENT_COUNT": 1,
    "QUERY_TAG": "accelerator",
}
# Of the connector: few chunks ahead, times that Python can hold, and no call that waits for long.
OPTIONS: dict[str, str | int | bool] = {
    "application": "Accelerator",
    "arrow_number_to_decimal": True,
    "client_memory_limit": 64,  # MB
    "client_prefetch_threads": 1,
    "client_session_keep_alive": True,
    "client_store_temporary_credential": False,
    "connect_timeout": 10,
    "enable_server_session_keep_alive_auto_detection": False,
    "force_microsecond_precision": True,
    "login_timeout": 20,
    "logout_max_attempts": 1,
    "logout_total_timeout_seconds": 5,
    "paramstyle": "qmark",
    "request_timeout": 30,
    "secondary_roles": "NONE",
    "server_session_keep_alive": False,
}

SOON, LATE = 0.1, 2.0  # seconds between two looks at a query, the first and the longest


# The numbers of VARIANT, OBJECT, ARRAY and MAP, which come as JSON.
NESTED = frozenset({5, 9, 10, 17})


class Stream:
    """A Snowflake query."""

    def __init__(self, connection: snowflake.connector.SnowflakeConnection, query: Query) -> None:
        self._connection, self._query = connection, query
        self._cursor = connection.cursor()
        self._id = ""
        self._first: pa.Table | None = None
        self._rest: Iterator[pa.Table] = iter(())
        self._schema = pa.schema([])
        self._ended, self._done = threading.Event(), False

    def start(self) -> pa.Schema:
        values: list[object] = []

        def place(name: str) -> str:
            values.append(_bindable(self._query.values[name]))
            return "?"

        sql = variables.bound(bare(self._query.sql), place)
        onequery.check(sql, DIALECT)
        try:
            self._id = self._cursor.execute_async(READING.format(sql), values or None)["queryId"] or ""
            self._wait()
            self._cursor.query_result(self._id)
            self._rest = self._cursor.fetch_arrow_batches()
            self._first = next(self._rest, None)
            self._schema = self._promised()
        except snowflake.connector.Error as error:
            raise self._explained(error) from error
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            while self._first is not None:
                yield from services.batches(self._first, self._schema)
                if self._ended.is_set():
                    raise Cancelled("The query was ended.")
                self._first = next(self._rest, None)
        except snowflake.connector.Error as error:
            raise self._explained(error) from error

    def cancel(self) -> None:
        self._ended.set()
        if self._id and not self._done:
            with suppress(snowflake.connector.Error):
                # Threads may share a connection, and not a cursor.
                self._connection.cursor().abort_query(self._id)

    def working(self) -> bool:
        """A query that is done works no more: then only its rows are awaited."""
        if not self._id or self._done:
            return False
        try:
            status = self._connection.get_query_status(self._id)
        except snowflake.connector.Error:
            return False
        return self._connection.is_still_running(status)

    def close(self) -> None:
        self.cancel()
        with suppress(snowflake.connector.Error):
            self._cursor.close()

    def _wait(self) -> None:
        """Until the query is done. Raises Cancelled."""
        pause = SOON
        while self._connection.is_still_running(self._connection.get_query_status_throw_if_error(self._id)):
            if self._ended.wait(pause):
                self.cancel()  # who asked may have come before the query had a name
                raise Cancelled("The query was ended.")
            pause = min(LATE, pause * 1.5)
        self._done = True

    def _promised(self) -> pa.Schema:
        """The columns, the same for every chunk, which each come as narrow as their own values allow."""
        columns = self._cursor.description or []
        arrived: pa.Table = self._first
        if (
            arrived is None
        ):  # no row, no chunk; asked once more, the connector makes a table of the columns alone
            self._cursor.query_result(self._id)
            arrived = self._cursor.fetch_arrow_all(force_return_table=True)
        pairs = zip(columns, arrived.schema, strict=True)
        return pa.schema([_field(column, field.type) for column, field in pairs])

    def _explained(self, error: snowflake.connector.Error) -> WarehouseError:
        return Cancelled("The query was ended.") if self._ended.is_set() else errors.explained(error)


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT at `location` (snowflake://user@account/database/schema?warehouse=..&role=..)."""
    connection = _connect(location, secret)
    try:
        roles.check(connection.role or "")
        stream = Stream(connection, query)
        try:
            yield stream
        finally:
            stream.close()
    finally:
        with suppress(snowflake.connector.Error):
            connection.close(retry=False)


def examine(location: str, secret: str) -> list[str]:
    """What the role may do beside reading."""
    connection = _connect(location, secret)
    try:
        role = connection.role or ""
        roles.check(role)
        with connection.cursor(snowflake.connector.DictCursor) as cursor:
            return roles.warnings(role, cursor)
    except snowflake.connector.Error as error:
        raise errors.explained(error) from error
    finally:
        with suppress(snowflake.connector.Error):
            connection.close(retry=False)


def _connect(location: str, secret: str) -> snowflake.connector.SnowflakeConnection:
    where = _where(location)
    parameters = PARAMETERS | {"STATEMENT_TIMEOUT_IN_SECONDS": services.timeout()}
    try:
        return snowflake.connector.connect(
            **where, **OPTIONS, **_credentials(secret), session_parameters=parameters
        )
    except snowflake.connector.Error as error:
        raise WarehouseUnreachable(
            f"Snowflake can't be reached, or lets nobody in: {errors.words(error)}"
        ) from None


def _where(location: str) -> dict[str, str]:
    parts, options = services.located(location, FORM, ("warehouse", "role"), required=("warehouse", "role"))
    user, _, account = parts.netloc.rpartition("@")
    path = parts.path.strip("/").split("/")
    if not user or not account or len(path) != 2 or not all(path):
        raise WarehouseUnreachable(
            f"The location must name a user, an account, a database and a schema: {FORM}."
        )
    database, schema = map(unquote, path)
    return {"user": unquote(user), "account": account, "database": database, "schema": schema, **options}


def _credentials(secret: str) -> dict[str, str]:
    """A private key by its PEM (a line before it is its passphrase), a programmatic access token by its form (a JSON
    Web Token), and a password by being neither."""
    passphrase, begin, key = secret.strip().partition("-----BEGIN ")
    if begin:
        pem = {"authenticator": "SNOWFLAKE_JWT", "private_key": begin + key + "\n"}
        return pem | ({"private_key_password": passphrase.strip()} if passphrase.strip() else {})
    if secret.startswith("eyJ") and secret.count(".") == 2:
        return {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": secret}
    if not secret:
        raise WarehouseUnreachable("Snowflake needs a secret: a private key, an access token or a password.")
    return {"password": secret}


def _bindable(value: Value) -> object:
    """A time without its zone would be another time for Snowflake, which binds datetimes as TIMESTAMP_NTZ."""
    return ("TIMESTAMP_LTZ", value) if hasattr(value, "tzinfo") else value


def _named(name: str) -> str:
    """As people write it: Snowflake puts what stands without quotes in capitals."""
    return name.lower() if name.isupper() else name


def _field(column: Any, arrived: pa.DataType) -> pa.Field:
    plain = pa.field(_named(column.name), _kind(column, arrived))
    return protocol.nested(plain) if column.type_code in NESTED and pa.types.is_string(arrived) else plain


def _kind(column: Any, arrived: pa.DataType) -> pa.DataType:
    if column.scale is not None and (pa.types.is_integer(arrived) or pa.types.is_decimal(arrived)):
        return pa.decimal128(38, column.scale) if column.scale else pa.int64()
    return pa.timestamp("us", tz=arrived.tz) if pa.types.is_timestamp(arrived) else arrived
