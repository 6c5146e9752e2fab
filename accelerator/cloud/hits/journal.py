"""Files of this host that keep hits while the database is away.

Each process writes to one of its own, a line for each hit, on the disk before anybody is answered. Whichever process
finds the database takes all files that lie in the folder, also those of processes that have ended: it renames a file
first, so that nobody writes to it any more, and deletes it when the database has what is in it. Nothing but numbers and
times is in a line.
"""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from accelerator.cloud.hits.visits import Visit

# Of a file that is written to, and of one that is on its way to the database.
WRITTEN, LEAVING = ".hits", ".leaving"
# Hits that are handed over at once.
PIECE = 1_000

_name = uuid.uuid4().hex

Insert = Callable[[list[Visit]], None]


def write(folder: Path, visit: Visit) -> None:
    """Once this returns, the hit is on the disk. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{_name}{WRITTEN}"
    while True:
        new = not path.exists()
        with _opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            if not _lies_at(file, path):
                continue  # it was renamed meanwhile
            line = visit.line()
            if os.write(file, line) < len(line):
                raise OSError(f"no room for a hit in {folder}")
            os.fsync(file)
            if new:
                with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as directory:
                    os.fsync(directory)
            return


def is_empty(folder: Path) -> bool:
    """Whether nothing waits for the database."""
    return not (_files(folder, WRITTEN) or _files(folder, LEAVING))


def empty(folder: Path, insert: Insert) -> int:
    """Hand over whatever waits, and forget it; how many hits they were. Raises whatever `insert` raises."""
    for path in _files(folder, WRITTEN):
        with suppress(FileNotFoundError):  # another process takes it
            path.rename(path.with_suffix(f".{uuid.uuid4().hex}{LEAVING}"))
    return sum(_hand_over(path, insert) for path in _files(folder, LEAVING))


def _hand_over(path: Path, insert: Insert) -> int:
    count = 0
    with suppress(FileNotFoundError, BlockingIOError), _opened(path, os.O_RDONLY) as file:
        # Whoever has it otherwise is writing the last line, or takes it to the database.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _lies_at(file, path):
            return 0
        with open(file, "rb", closefd=False) as lines:
            visits = _visits(lines)
            while piece := list(islice(visits, PIECE)):
                insert(piece)
                count += len(piece)
        path.unlink()
    return count


def _visits(lines: Iterator[bytes]) -> Iterator[Visit]:
    return (visit for line in lines if (visit := Visit.of_line(line)) is not None)


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))


def _lies_at(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        os.close(file)
