"""Files as Warehouses, read by an engine in a process of its own, which ends when it is told to, whatever it is at.

queries        a query on a file, seen from who asks
children       the processes, seen from the parent
child          the program that they run; it alone imports the engines
duckdb         DuckDB files, folders of Parquet and CSV files
sqlite         SQLite files

What follows is of connectors to servers, too: `base`, `errors`, `lexing`, `rows`, `times`, `variables`. Nothing here
imports Django, so that a process begins within half a second.
"""
