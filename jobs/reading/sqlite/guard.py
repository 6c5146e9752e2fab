"""A SQLite file that can only be read: SQLite asks us about each thing that a statement would do, before it does it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

# What the SQL may do; all else is refused, and so are functions that load code or reach other files, if this SQLite
# has them (https://sqlite.org/c3ref/c_alter_table.html).
READING = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
FORBIDDEN = frozenset(
    {
        "load_extension",
        "fts3_tokenizer",
        "readfile",
        "writefile",
        "edit",
        "eval",
        "lsmode",
        "fsdir",
        "zipfile",
    }
)
# Tables of SQLite itself, if it has them: the file's pages as they are, with what was deleted from them.
PAGES = frozenset({"sqlite_dbpage", "dbstat"})
# What may be done to see which types the columns were declared with.
DECLARING = frozenset(
    {
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DROP_TEMP_VIEW,
    }
)
TEMPORARY = frozenset({"sqlite_temp_master", "accelerator_columns"})

# A value is no longer than a message may be: SQL could make a value of a gigabyte out of nothing.
LONGEST = 16 << 20
# Memory of SQLite in this process, all connections together. A row is held in it as a whole, of however many values.
MEMORY = 64 << 20
PATIENCE = 5.0  # seconds for somebody who writes the file to let go of it

# In the header of a file that is in WAL mode (https://sqlite.org/fileformat2.html, section 1.3).
VERSIONS, WAL = slice(18, 20), b"\2\2"
# Beside it, the files that it is read by, which SQLite makes where they are missing.
BESIDE = ("-wal", "-shm")

# The file, or the disk, is to blame, not the SQL.
BROKEN = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def check_beside(location: str) -> None:
    """Whether SQLite can read the file without making others beside it.

    Made by somebody who may not write the database they would be his, and those who may could not write it any more.
    Raises WarehouseUnreachable, OSError.
    """
    place = Path(location).resolve()
    with place.open("rb") as file:
        versions = file.read(VERSIONS.stop)[VERSIONS]
    if versions != WAL or os.access(place, os.W_OK, effective_ids=True):
        return
    if not all(place.with_name(place.name + ending).exists() for ending in BESIDE):
        raise WarehouseUnreachable(
            f"The warehouse's file {place.name} is in WAL mode, and nobody has it open: to read it, SQLite would make "
            "files beside it that keep whoever writes it out. Let its writer keep it open, or take it out of WAL mode "
            "(PRAGMA journal_mode = DELETE)."
        )


def connection(location: str) -> sqlite3.Connection:
    # Cancelled from another thread, which does nothing but interrupt.
    connection = sqlite3.connect(
        f"file:{quote(location)}?mode=ro",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute(f"PRAGMA hard_heap_limit = {MEMORY}").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_authorizer(_may_read)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _may_read(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """SQLite asks for each thing that a statement would do, before anything is done."""
    allowed = action in READING
    if action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in FORBIDDEN
    if action == sqlite3.SQLITE_READ:
        allowed = (first or "").lower() not in PAGES
    if action == sqlite3.SQLITE_PRAGMA:
        # What a full-text index (FTS5) asks of its file when it is read: a number.
        allowed = first == "data_version" and second is None
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _may_declare(action: int, first: str | None, second: str | None, *more: str | None) -> int:
    if action in DECLARING and first in TEMPORARY:
        return sqlite3.SQLITE_OK
    return _may_read(action, first, second, *more)


def declared(opened: sqlite3.Connection, unbound: str) -> list[str]:
    """What the columns were declared as in their tables, "" for expressions; nothing of the SQL is run.

    Only a view knows that, and only a temporary one can be made where nothing may be written.
    """
    opened.set_authorizer(_may_declare)
    try:
        opened.execute(f"CREATE TEMP VIEW accelerator_columns AS\n{unbound}\n")
        opened.set_authorizer(None)
        found = opened.execute("PRAGMA temp.table_info(accelerator_columns)").fetchall()
        opened.execute("DROP VIEW temp.accelerator_columns")
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError):
        return []  # it fails again when it is run, and says why
    finally:
        opened.set_authorizer(_may_read)
    return [row[2] for row in found]


@contextmanager
def explaining() -> Iterator[None]:
    """What SQLite and its driver raise, as one of ours. No value of a row is said."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise _explained(error) from error
    except MemoryError as error:
        raise AudienceSqlError(
            f"The SQL needs more memory than the {MEMORY >> 20} MB that SQLite is given: a row of it is too long. "
            "Leave out columns whose values are long."
        ) from error


def _explained(error: Exception) -> Exception:
    text, code = str(error), getattr(error, "sqlite_errorcode", None) or 0
    kind = code & 0xFF  # without what SQLite adds to it
    if kind == sqlite3.SQLITE_INTERRUPT:
        return Cancelled("The query was ended.")
    if (
        kind == sqlite3.SQLITE_AUTH
        or kind == sqlite3.SQLITE_READONLY
        or "not authorized" in text
        or "prohibited" in text
    ):
        return AudienceSqlError(f"An Audience only reads; the warehouse refuses this SQL: {text}.")
    if kind in BROKEN:
        return WarehouseUnreachable(f"The warehouse's file can't be read: {text}.")
    if "one statement at a time" in text:
        return AudienceSqlError("An Audience is one SELECT; this is more than one statement.")
    if text.startswith("Could not decode to UTF-8"):
        column = text.partition("column ")[2].partition(" with text")[0]
        return AudienceSqlError(
            f"The column {column} holds text that is not UTF-8: leave it out, or write CAST(... AS BLOB) in the SQL."
        )
    return AudienceSqlError(f"The warehouse refuses the SQL: {text}")
