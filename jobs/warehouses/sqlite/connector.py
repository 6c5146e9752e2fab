"""What speaks to SQLite, in a process of its own (`jobs.reading.sqlite`)."""

from jobs.warehouses.files import Files

_files = Files("sqlite")
open_stream, examine = _files.open_stream, _files.examine
