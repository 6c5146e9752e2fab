"""A folder of Parquet and CSV files as a warehouse: each file is a view, and each folder of Parquet files in it."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from jobs.warehouses.errors import WarehouseUnreachable

READERS = {".parquet": "read_parquet", ".csv": "read_csv"}


def views(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """The views by name: the function that reads it, and its files. Raises WarehouseUnreachable.

    Links out of the folder are left out, as is whatever begins with a dot.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    try:
        for entry in sorted(folder.iterdir()):
            if not _inside(folder, entry):
                continue
            pieces = _pieces(folder, entry)
            if not pieces:
                continue
            name = entry.stem if entry.is_file() else entry.name
            if name.lower() in {known.lower() for known in found}:
                raise WarehouseUnreachable(
                    f'Two things in the warehouse\'s folder {folder.name} are called "{name}": rename one of them.'
                )
            found[name] = (READERS[pieces[0].suffix.lower()], [str(piece) for piece in pieces])
    except OSError as error:
        raise WarehouseUnreachable(
            f"The warehouse's folder {folder.name} can't be read: {error.strerror}."
        ) from error
    if not found:
        raise WarehouseUnreachable(
            f"The warehouse's folder {folder.name} has no Parquet or CSV file, and no folder of Parquet files."
        )
    return found


def attach(connection: duckdb.DuckDBPyConnection, found: Mapping[str, tuple[str, list[str]]]) -> None:
    """Make the views, and let the connection read their files and nothing else. Raises duckdb.Error."""
    files = [file for _, pieces in found.values() for file in pieces]
    connection.execute(f"SET allowed_paths = [{', '.join(map(_text, files))}]")
    connection.execute("SET enable_external_access = false")
    for name, (reader, pieces) in found.items():
        quoted = '"' + name.replace('"', '""') + '"'
        connection.execute(f"CREATE VIEW {quoted} AS FROM {reader}([{', '.join(map(_text, pieces))}])")


def _pieces(folder: Path, entry: Path) -> list[Path]:
    if entry.is_file():
        return [entry] if entry.suffix.lower() in READERS else []
    return sorted(
        file
        for file in entry.rglob("*")
        if file.is_file() and file.suffix.lower() == ".parquet" and _inside(folder, file)
    )


def _inside(folder: Path, entry: Path) -> bool:
    hidden = any(part.startswith(".") for part in entry.relative_to(folder).parts)
    return not hidden and entry.resolve().is_relative_to(folder.resolve())


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
