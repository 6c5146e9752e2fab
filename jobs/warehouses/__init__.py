"""SQL in, Arrow batches out: the Warehouses, a package per kind. Previews and extraction come in here."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import sqlglot
from django.conf import settings
from sqlglot import expressions

from accelerator import protocol, rendering
from jobs.models import Kind, Warehouse
from jobs.reading import variables
from jobs.reading.base import Query, Stream, Value
from jobs.reading.errors import (
    AudienceSqlError,
    Cancelled,
    LocationRefused,
    TooSlow,
    WarehouseError,
    WarehouseUnreachable,
    WarehouseUnsafe,
)
from jobs.reading.lexing import bare
from jobs.warehouses import apart, hushing, kinds, secrets, utf8, words
from jobs.warehouses.columns import check_columns
from jobs.warehouses.secrets import seal as seal_secret

__all__ = [
    "AudienceSqlError",
    "Cancelled",
    "LocationRefused",
    "Preview",
    "Stream",
    "TooSlow",
    "Value",
    "WarehouseError",
    "WarehouseUnreachable",
    "WarehouseUnsafe",
    "as_python",
    "check",
    "check_columns",
    "columns",
    "count",
    "examine",
    "open_patiently",
    "open_stream",
    "preview",
    "seal_secret",
]

# Seconds that a page waits for a warehouse; an extraction has no such limit.
PATIENCE = 20
# What sqlglot may find in an Audience. DuckDB's PIVOT and SUMMARIZE are queries too, and no other engine takes them.
READING = (expressions.Query, expressions.Values, expressions.Pivot, expressions.Summarize)


@dataclass(frozen=True)
class Preview:
    """The columns of an Audience (name to what people call its type; `schema` as Arrow has it) and its first rows."""

    schema: pa.Schema
    columns: dict[str, str]
    rows: list[dict[str, object]]


@contextmanager
def open_stream(
    warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None = None
) -> Iterator[Stream]:
    """One SELECT, read-only: `start` connects and runs it, then iterate over record batches. Raises WarehouseError.

    `values`: of the launch variables of the SQL, by name.
    """
    connector = kinds.connector(warehouse.kind)
    query = Query(sql, values or {})
    _check_statement(query, kinds.dialect(warehouse.kind))
    secret = _secret(warehouse)

    @contextmanager
    def opening() -> Iterator[Stream]:
        with hushing.errors(secret), connector.open_stream(warehouse.location, secret, query) as stream:
            yield stream

    late = apart.OF_FILES if Kind(warehouse.kind) in kinds.FILES else apart.LATE
    with apart.read(opening(), settings.WAREHOUSE_SILENCE, late) as stream:
        yield stream


def preview(
    warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None = None, *, limit: int = 5
) -> Preview:
    """The first rows of an Audience, for a page. Raises WarehouseError."""
    rows: list[dict[str, object]] = []
    with open_patiently(warehouse, sql, values) as stream:
        schema = stream.start()
        for batch in stream:
            rows += as_python(batch.slice(0, limit - len(rows)))
            if len(rows) >= limit:
                break
        plain = [{name: rendering.plain(value) for name, value in row.items()} for row in rows]
        return Preview(schema, _columns(schema), plain)


def columns(warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None = None) -> dict[str, str]:
    """The columns of an Audience (name to what people call its type). Raises WarehouseError."""
    with open_patiently(warehouse, f"SELECT * FROM ({bare(sql)}\n) AS audience LIMIT 0", values) as stream:
        return _columns(stream.start())


def count(warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None = None) -> int:
    """How many rows the Audience has. Raises WarehouseError."""
    counting = f"SELECT count(*) AS size FROM ({bare(sql)}\n) AS audience"
    with open_patiently(warehouse, counting, values) as stream:
        stream.start()
        return sum(value.as_py() for batch in stream for value in batch.column(0))


def check(warehouse: Warehouse) -> None:
    """Whether the warehouse answers. Raises WarehouseError."""
    with open_patiently(warehouse, "SELECT 1 AS one") as stream:
        stream.start()


def examine(warehouse: Warehouse) -> list[str]:
    """Whether the warehouse answers, and what its role may do that it should not. Raises WarehouseError."""
    connector, secret = kinds.connector(warehouse.kind), _secret(warehouse)
    with hushing.errors(secret):
        return [hushing.hushed(said, secret) for said in connector.examine(warehouse.location, secret)]


def _secret(warehouse: Warehouse) -> str:
    try:
        return secrets.unseal(warehouse.secret)
    except secrets.SecretUnreadable as error:
        raise WarehouseUnreachable(f"The warehouse {warehouse.name} can't be opened: {error}.") from error


@contextmanager
def open_patiently(
    warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None = None
) -> Iterator[Stream]:
    """A stream that is ended after PATIENCE seconds, so that no page waits for ever."""
    with open_stream(warehouse, sql, values) as stream:
        done = threading.Event()
        ender = threading.Thread(target=_end_late, args=(stream, done), daemon=True)
        ender.start()
        try:
            yield stream
        except Cancelled as error:
            raise TooSlow(
                f"The warehouse needs more than {PATIENCE} seconds for this; a launch waits as long as it takes."
            ) from error
        finally:
            done.set()
            ender.join()


def _end_late(stream: Stream, done: threading.Event) -> None:
    """Cancel after PATIENCE, and again: a cancel that comes just before the query runs ends nothing."""
    if not done.wait(PATIENCE):
        stream.cancel()
        while not done.wait(0.5):
            stream.cancel()


def as_python(batch: pa.RecordBatch | pa.Table) -> list[dict[str, object]]:
    """Rows as Python has them. Raises AudienceSqlError for what it has no value for."""
    try:
        found = protocol.rows(batch)
    except UnicodeDecodeError as error:
        utf8.check(batch)
        raise AudienceSqlError("The SQL selects something whose name is not UTF-8: leave it out.") from error
    except (OverflowError, ValueError, KeyError) as error:
        # In a column of its own it would be NULL; inside a list or a struct nobody looks for it (`times`).
        raise AudienceSqlError(
            "Some rows hold a date or time that can't be read: its year is not one from 1 to 9999, it is finer "
            "than microseconds, or its time zone is not known here. Leave it out, or cast it to text."
        ) from error
    return found


def _columns(schema: pa.Schema) -> dict[str, str]:
    return {field.name: words.word(field) for field in schema}


def _check_statement(query: Query, dialect: str) -> None:
    """A good message for what is plainly no SELECT. No guard: that is the read-only session."""
    if not bare(query.sql):
        raise AudienceSqlError("The Audience has no SQL yet.")
    for name in variables.names(query.sql, dialect):
        if name not in query.values:
            raise AudienceSqlError(f"The SQL uses {{{{ {name} }}}}, and nobody has said what it stands for.")
    sql = variables.bound(query.sql, lambda _: "NULL", dialect)
    try:
        statements = [
            statement for statement in sqlglot.parse(bare(sql), dialect=dialect) if statement is not None
        ]
    except sqlglot.errors.SqlglotError:
        return  # the warehouse knows its own dialect better, and says what is wrong
    if len(statements) > 1:
        raise AudienceSqlError("An Audience is one SELECT; this is more than one statement.")
    if statements and not isinstance(statements[0], READING):
        raise AudienceSqlError("An Audience only reads: write one SELECT. Nothing was run.")
