"""SQLite files as Warehouses."""

DIALECT = "sqlite"
