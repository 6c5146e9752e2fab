"""The small protocol that every kind of Warehouse speaks."""

import datetime
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import pyarrow as pa

# What a launch variable may hold. A datetime has a time zone.
Value = str | int | Decimal | bool | datetime.date | datetime.datetime


# Bytes that a process which reads a file may hold beyond what it begins with and what its engine keeps account of, and
# the status of one that held more.
BESIDE, TOO_MUCH = 256 << 20, 77


@dataclass(frozen=True)
class Query:
    """One SELECT as it was written, and the values of its `{{ name }}`, which are bound and never pasted."""

    sql: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What the engine of a file may take: memory as DuckDB reads it (DUCKDB_MEMORY), and bytes of the disk
    (WAREHOUSE_TEMPORARY_BYTES)."""

    memory: str
    temporary: int


class Stream(Protocol):
    """A query on an open connection. `start` and iterating raise the errors of `jobs.reading.errors`."""

    def start(self) -> pa.Schema:
        """Run the query; returns the columns when the first rows are there, which may take as long as the query."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None:
        """End the query if it runs, from any thread; who waits for it gets `Cancelled`. May be called again."""

    def working(self) -> bool:
        """Whether the warehouse still works on the query, though nothing comes; asked from any thread."""


class Connector(Protocol):
    """A kind of Warehouse: a module with these names.

    Of a stream, whatever is wrong comes as one of `jobs.reading.errors`; its `start` also takes care that the SQL
    can do nothing but read (WarehouseUnsafe, AudienceSqlError).
    """

    def open_stream(self, location: str, secret: str, query: Query) -> AbstractContextManager[Stream]:
        """Connect, ready to run one SELECT, read-only.

        Raises WarehouseUnreachable, WarehouseUnsafe, LocationRefused.
        """

    def examine(self, location: str, secret: str) -> list[str]:
        """Connect and look at what the role may do: sentences for whoever set it up, none if all is as it should be.

        Raises WarehouseUnreachable; WarehouseUnsafe and LocationRefused for what `open_stream` refuses too.
        """
