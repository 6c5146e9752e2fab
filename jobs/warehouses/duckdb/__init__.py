"""DuckDB files, and folders of Parquet and CSV files, as Warehouses."""

DIALECT = "duckdb"
