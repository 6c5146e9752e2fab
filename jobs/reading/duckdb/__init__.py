"""DuckDB files, and folders of Parquet and CSV files."""
