"""The small protocol that every kind of Warehouse speaks."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa

# A semicolon after which nothing but comments follows.
END = re.compile(r";\s*(?:(?:--[^\n]*(?:\n|$)|/\*.*?\*/)\s*)*$", re.DOTALL)


def bare(sql: str) -> str:
    """The SELECT without the semicolon that ends it, so that it may stand inside brackets."""
    return END.sub("", sql.strip())


class Stream(Protocol):
    """A query on an open connection. `start` and iterating raise the errors of `jobs.warehouses.errors`."""

    def start(self) -> pa.Schema:
        """Run the query; returns the columns when the first rows are there, which may take as long as the query."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None:
        """End the query if it runs, from any thread; who waits for it gets `Cancelled`. May be called again."""

    def working(self) -> bool:
        """Whether the warehouse still works on the query, though nothing comes; asked from any thread."""


class Connector(Protocol):
    """A kind of Warehouse: a module with these functions."""

    DIALECT: str

    def open_stream(self, location: str, secret: str, sql: str) -> AbstractContextManager[Stream]:
        """Connect, ready to run one SELECT, read-only. Raises WarehouseUnreachable."""
