"""The small protocol that every kind of Warehouse speaks."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa


class Stream(Protocol):
    """A running query. Iterating raises the errors of `jobs.warehouses.errors`."""

    schema: pa.Schema

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None:
        """End the query, from any thread; whoever iterates gets an error or the end."""


class Connector(Protocol):
    """A kind of Warehouse: a module with these functions."""

    DIALECT: str

    def open_stream(self, location: str, secret: str, sql: str) -> AbstractContextManager[Stream]:
        """Run one SELECT, read-only. Raises AudienceSqlError, WarehouseUnreachable."""
