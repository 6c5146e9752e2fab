"""A folder of Parquet and CSV files as a warehouse: each file is a view, and each folder of such files in it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from jobs.reading import lexing
from jobs.reading.errors import AudienceSqlError, WarehouseError, WarehouseUnreachable

# Of a CSV file DuckDB holds several buffers, of 32 MB each if nobody says otherwise: a third of its memory.
PARQUET, CSV = "read_parquet({})", "read_csv({}, buffer_size = 8000000)"
READERS = {".parquet": PARQUET, ".csv": CSV, ".tsv": CSV, ".csv.gz": CSV, ".tsv.gz": CSV}
# How DuckDB speaks of a Parquet file whose pages are spoilt, without its name.
SPOILT = re.compile(r"TProtocolException|snappy|zstd|decompress", re.IGNORECASE)
# What is wrong with the SQL then, and not with a file that it names.
OF_THE_SQL = re.compile(r"(Binder|Catalog|Parser|Permission) Error")
MISSING = re.compile(r"Table with name (.+?) does not exist")
# Why a CSV file can't be read. It stands below the row that it is about, which nobody is shown, nor is a value of it.
REASON = re.compile(
    r"""^(?: Invalid\ unicode\ \(byte\ sequence\ mismatch\)\ detected.\ This\ file\ is\ not\ utf-8\ encoded
        | Error\ when\ converting\ column\ "[^"\n]*"
        | Expected\ Number\ of\ Columns:\ \d+\ Found:\ \d+
        | Value\ with\ unterminated\ quote\ found
        | Maximum\ line\ size\ of\ \d+\ bytes\ exceeded )""",
    re.MULTILINE | re.VERBOSE,
)
# What is so the next time, too; anything else may be because the file is only on its way.
LASTING = re.compile(r"^Out of Memory Error|Maximum line size")


def views(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """The views by name: the function that reads it, and its files. Raises WarehouseUnreachable.

    Links out of the folder are left out, as is whatever begins with a dot.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    try:
        for entry in sorted(folder.iterdir()):
            if not _inside(folder, entry):
                continue
            reader, pieces = _readable(folder, entry)
            if not pieces:
                continue
            name = _name(entry)
            if name.lower() in {known.lower() for known in found}:
                raise WarehouseUnreachable(
                    f'Two things in the warehouse\'s folder {folder.name} are called "{name}": rename one of them.'
                )
            found[name] = (reader, [str(piece) for piece in pieces])
    except OSError as error:
        raise WarehouseUnreachable(
            f"The warehouse's folder {folder.name} can't be read: {error.strerror}."
        ) from error
    if not found:
        raise WarehouseUnreachable(
            f"The warehouse's folder {folder.name} has no Parquet or CSV file, and no folder of such files."
        )
    return found


@dataclass
class Files:
    """The files of a folder; an error for each view that is missing, because a file of it can't be read."""

    folder: Path
    files: list[str]
    memory: str  # that DuckDB may have
    broken: dict[str, WarehouseError] = field(default_factory=dict)

    def error(self, error: str, sql: str) -> WarehouseError | None:
        """About the file that DuckDB means, without what stands in it; None if it means none."""
        missing = MISSING.search(error)
        for name, known in self.broken.items():
            if missing and missing[1].lower() == name.lower():
                return known
        if OF_THE_SQL.match(error):
            return None
        if meant := _meant(self.files, error):
            return self.why(meant, error)
        if SPOILT.search(error.splitlines()[0]):
            named = [file for file in self.files if self._view(file).lower() in sql.lower()]
            return self.why(named[0] if len(named) == 1 else "", error)
        return None

    def _view(self, file: str) -> str:
        return _name(self.folder / Path(file).relative_to(self.folder).parts[0])

    def why(self, file: str, said: str) -> WarehouseError:
        inside = str(self.folder) + "/"
        error = said.splitlines()[0]
        if reason := REASON.search(said):
            error += f": {reason[0]}"
        kind = AudienceSqlError if LASTING.search(error) else WarehouseUnreachable
        if error.startswith("Out of Memory Error"):
            error = f"it needs more than DUCKDB_MEMORY ({self.memory}). DuckDB says: {error}"
        if not file:
            return kind(f"A file of the warehouse's folder {self.folder.name} can't be read: {error}")
        return kind(
            f"The warehouse's file {file.removeprefix(inside)} can't be read: {error.replace(inside, '')}"
        )


def attach(connection: duckdb.DuckDBPyConnection, folder: Path, memory: str) -> Files:
    """Make the views, and let the connection read their files and nothing else. Raises WarehouseUnreachable.

    A view whose file can't be read is left out, and named when somebody asks for it.
    """
    found = views(folder)
    files = Files(folder, [file for _, pieces in found.values() for file in pieces], memory)
    connection.execute(f"SET allowed_paths = [{', '.join(map(_text, files.files))}]")
    connection.execute("SET enable_external_access = false")
    for name, (reader, pieces) in found.items():
        quoted = lexing.quoted(name)
        try:
            listed = f"[{', '.join(map(_text, pieces))}]"
            connection.execute(f"CREATE VIEW {quoted} AS FROM {reader.format(listed)}")
        except duckdb.Error as error:
            files.broken[name] = files.why(_meant(pieces, str(error)) or pieces[0], str(error))
    return files


def _readable(folder: Path, entry: Path) -> tuple[str, list[Path]]:
    """The function that reads the file, or the files of the folder: the Parquet files, if it has any."""
    files = [entry] if entry.is_file() else sorted(file for file in entry.rglob("*") if file.is_file())
    for reader in (PARQUET, CSV):
        found = [file for file in files if READERS.get(_ending(file)) == reader and _inside(folder, file)]
        if found:
            return reader, found
    return "", []


def _ending(file: Path) -> str:
    return next((ending for ending in READERS if file.name.lower().endswith(ending)), "")


def _name(entry: Path) -> str:
    """What a file or folder is called as a view."""
    return entry.name[: len(entry.name) - len(_ending(entry))] if entry.is_file() else entry.name


def _meant(files: list[str], error: str) -> str | None:
    """The file that an error names: "a.csv" is in the name of "a.csv.gz", too."""
    return max((file for file in files if file in error), key=len, default=None)


def _inside(folder: Path, entry: Path) -> bool:
    hidden = any(part.startswith(".") for part in entry.relative_to(folder).parts)
    return not hidden and entry.resolve().is_relative_to(folder.resolve())


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
