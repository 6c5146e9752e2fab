"""Kinds of Warehouse that are files: `jobs.reading` reads them, within the limits of our settings."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.conf import settings

from jobs.reading import queries
from jobs.reading.base import Limits, Query, Stream


@dataclass(frozen=True)
class Files:
    """A `Connector`; a file has no secret."""

    kind: str

    def open_stream(self, location: str, secret: str, query: Query) -> AbstractContextManager[Stream]:  # noqa: ARG002
        return queries.open_stream(self.kind, location, query, _limits())

    def examine(self, location: str, secret: str) -> list[str]:  # noqa: ARG002
        return queries.examine(self.kind, location, _limits())


def _limits() -> Limits:
    return Limits(memory=settings.DUCKDB_MEMORY, temporary=settings.WAREHOUSE_TEMPORARY_BYTES)
