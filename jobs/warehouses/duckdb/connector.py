"""What speaks to DuckDB, in a process of its own (`jobs.reading.duckdb`)."""

from jobs.warehouses.files import Files

_files = Files("duckdb")
open_stream, examine = _files.open_stream, _files.examine
