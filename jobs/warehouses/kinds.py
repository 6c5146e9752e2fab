"""The `connector` of each kind of Warehouse, imported when it is first needed: a vendor's package is an extra."""

import importlib
from typing import cast

from jobs.models import Kind
from jobs.reading.base import Connector
from jobs.reading.errors import WarehouseUnreachable

# Kinds whose connector comes with an extra of ours ("accelerator[snowflake]"): what must be importable for it.
EXTRAS = {
    Kind.SNOWFLAKE: "snowflake.connector",
    Kind.BIGQUERY: "google.cloud.bigquery",
    Kind.DATABRICKS: "databricks.sql",
    Kind.SQLALCHEMY: "sqlalchemy",
}
# Kinds that our tests run against the real engine. The others were built on their vendors' documents, and say so.
PROVEN = frozenset({Kind.DUCKDB, Kind.SQLITE, Kind.POSTGRESQL, Kind.MYSQL})
# Kinds whose location is a path: an engine of ours reads them (`jobs.reading`).
FILES = frozenset({Kind.DUCKDB, Kind.SQLITE})


def connector(kind: str) -> Connector:
    """What speaks to this kind. Raises WarehouseUnreachable if its extra is not installed."""
    extra = EXTRAS.get(Kind(kind))
    if extra is not None:
        try:
            importlib.import_module(extra)
        except ImportError as error:
            raise WarehouseUnreachable(
                f"The connector for {Kind(kind).label} is not installed on this machine. Nobody was contacted. "
                f'Install it with: uv sync --extra {kind}, or pip install ".[{kind}]".'
            ) from error
    return cast("Connector", importlib.import_module(f"jobs.warehouses.{kind}.connector"))


def dialect(kind: str) -> str:
    """What sqlglot and `lexing` call its SQL; no extra is needed to know that."""
    return str(importlib.import_module(f"jobs.warehouses.{Kind(kind)}").DIALECT)
