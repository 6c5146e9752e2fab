"""PostgreSQL as a Warehouse."""

DIALECT = "postgres"
