"""Amazon Redshift as a Warehouse: a transaction that only reads, its rows in chunks by PostgreSQL's protocol.

Built on Amazon's and psycopg's documents; never run against the real service. Our tests run it against PostgreSQL,
whose protocol Redshift speaks; ADBC's driver, which reads by COPY, has nothing that Redshift would answer.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from urllib.parse import parse_qsl, quote, urlencode, urlunsplit

import psycopg
import pyarrow as pa
from django.conf import settings
from psycopg.rows import tuple_row
from psycopg.types.string import StrDumperUnknown, TextLoader

from jobs.reading import times, variables
from jobs.reading.base import Query
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import services
from jobs.warehouses.postgresql import errors, session
from jobs.warehouses.postgresql import values as postgresql_values
from jobs.warehouses.redshift import roles, types, values

# In brackets Redshift takes a query alone, and the extended protocol, which psycopg streams by, one statement.
READING = "SELECT * FROM ({}\n) AS audience"
COLUMNS = READING + " LIMIT 0"

# Rows that the driver takes at once, and of the first record batch; and at most of the others, which have fewer the
# wider they are. (Many more, and Python's collector looks through them again and again.)
CHUNK, ROWS = 250, 2_000
CANCELLING = 5.0  # seconds

# Of a session: what the text of values looks like, and when Redshift itself ends a query.
SETTINGS = (
    "SET datestyle TO 'ISO, MDY'",
    "SET timezone TO 'UTC'",
    "SET extra_float_digits TO 2",
)
BEGIN = "BEGIN READ ONLY"
SCHEMES = ("redshift", *session.SCHEMES)

# Rows that Redshift would send, but nobody takes, count as work: a dead line is found by the keepalives.
WORKING = """
SELECT count(*) > 0 FROM sys_query_history
WHERE session_id = {pid} AND status IN ('planning', 'queued', 'running', 'returning')
"""


class Stream:
    """A Redshift query."""

    def __init__(self, connection: roles.Connection, location: str, secret: str, query: Query) -> None:
        self._connection, self._query = connection, query
        self._location, self._secret = location, secret
        self._rows: Iterator[tuple[str | None, ...]] = iter(())
        self._first: list[tuple[str | None, ...]] = []
        self._schema = pa.schema([])
        self._cancelled = False
        # What another thread cancels must not be closed meanwhile, nor cancelled when it is another's.
        self._closing, self._closed = threading.Lock(), False
        self._cursor = _reading_text(connection)
        connection.execute(BEGIN)
        self._pid, _ = roles.check(connection)

    def start(self) -> pa.Schema:
        sql, texts = self._bound()
        if self._cancelled:  # before there was anything to end
            raise Cancelled("The query was ended.")
        try:
            self._rows = self._cursor.stream(READING.format(sql).encode(), texts, size=CHUNK)
            self._first = list(islice(self._rows, CHUNK))
            if not self._first:  # then nothing was said of the columns
                self._cursor.execute(COLUMNS.format(sql).encode(), texts)
            columns = self._cursor.description or []
            self._schema = types.schema((column.name, column.type_code) for column in columns)
        except psycopg.Error as error:
            raise self._explained(error) from error
        except UnicodeDecodeError as error:
            raise _no_text() from error
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            rows, self._first = self._first, []
            while rows:
                batch = types.batch(rows, self._schema)
                yield times.readable(batch)
                if self._cancelled:
                    raise Cancelled("The query was ended.")
                many = services.BYTES * batch.num_rows // max(1, batch.nbytes)
                rows = list(islice(self._rows, max(1, min(ROWS, many))))
        except psycopg.Error as error:
            raise self._explained(error) from error
        except UnicodeDecodeError as error:
            raise _no_text() from error

    def cancel(self) -> None:
        self._cancelled = True
        with self._closing, suppress(psycopg.Error):
            if not self._closed:
                self._connection.cancel_safe(timeout=CANCELLING)

    def working(self) -> bool:
        """Asked over a line of its own. A server that answers and can't tell gets the benefit of the doubt."""
        try:
            with _connected(self._location, self._secret) as connection:
                found = connection.execute(WORKING.format(pid=self._pid).encode()).fetchone()
                return bool(found and found[0])
        except psycopg.Error as error:
            return bool(error.sqlstate) and not errors.state_of(error).startswith(errors.BROKEN)
        except WarehouseUnreachable:
            return False

    def close(self) -> None:
        with self._closing:
            self._closed = True
        with suppress(psycopg.Error):
            if close := getattr(self._rows, "close", None):
                close()  # the driver ends a query that still runs
            self._cursor.close()

    def _bound(self) -> tuple[str, list[str]]:
        """The SQL with the places of its values, and the values. Raises AudienceSqlError."""
        query, numbers = self._query, postgresql_values.numbers(self._query)
        sql = variables.bound(
            bare(query.sql), lambda name: values.place(name, numbers[name], query.values[name])
        )
        if "\0" in sql:
            raise AudienceSqlError("The SQL holds a NUL character; leave it out.")
        return sql, values.texts(query)

    def _explained(self, error: BaseException) -> Exception:
        return errors.explained(
            error, self._query.sql, cancelled=self._cancelled, timeout=settings.WAREHOUSE_TIMEOUT
        )


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT on the database at `location` (postgresql://user@host:port/name)."""
    with _connected(location, secret) as connection:
        try:
            stream = Stream(connection, location, secret, query)
        except psycopg.Error as error:
            raise _unreachable(error) from error
        try:
            yield stream
        finally:
            stream.close()


def examine(location: str, secret: str) -> list[str]:
    """What the user may do that it should not."""
    with _connected(location, secret) as connection:
        try:
            _, user = roles.check(connection)
            return roles.warnings(connection, user)
        except psycopg.Error as error:
            raise _unreachable(error) from error


@contextmanager
def _connected(location: str, secret: str) -> Iterator[roles.Connection]:
    """A connection that commits nothing: what it began is undone when it ends."""
    try:
        connection = psycopg.connect(
            address(location), password=secret or None, autocommit=True, prepare_threshold=None
        )
    except psycopg.Error as error:
        raise _unreachable(error) from error
    try:
        for setting in (*SETTINGS, f"SET statement_timeout TO {settings.WAREHOUSE_TIMEOUT * 1000}"):
            connection.execute(setting.encode())
        yield connection
    finally:
        connection.close()


def address(location: str) -> str:
    """The location with what the line needs; options of its own win. It is encrypted unless it says otherwise."""
    parts = session.split(location, SCHEMES)
    query = {
        "connect_timeout": str(session.CONNECT_TIMEOUT),
        "application_name": "accelerator",
        "sslmode": "require",
        **session.ALIVE,
        **dict(parse_qsl(parts.query)),
        # The only one that psycopg can read what Redshift calls UNICODE in.
        "client_encoding": "utf8",
    }
    scheme = "postgresql" if parts.scheme == "redshift" else parts.scheme
    return urlunsplit(parts._replace(scheme=scheme, query=urlencode(query, quote_via=quote)))


def _reading_text(connection: roles.Connection) -> psycopg.RawCursor[tuple[str | None, ...]]:
    """Values come as the text that the server sent, and go as text whose type the SQL says."""
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    for kind in cursor.adapters.types:
        for number in filter(None, (kind.oid, kind.array_oid)):
            cursor.adapters.register_loader(number, TextLoader)
    cursor.adapters.register_dumper(str, StrDumperUnknown)
    return cursor


def _no_text() -> AudienceSqlError:
    """The driver does not say in which column."""
    return AudienceSqlError("The SQL selects text that is not UTF-8: leave it out.")


def _unreachable(error: BaseException) -> WarehouseUnreachable:
    return WarehouseUnreachable(f"The warehouse can't be reached: {errors.first_lines(error)}")
