"""Files of this host that keep hits while the database is away.

Each process writes to one of its own, a line for each hit, on the disk before anybody is answered. Whichever process
finds the database takes all files that lie in the folder, also those of processes that have ended: it renames a file
first, so that nobody writes to it any more, and deletes it when the database has what is in it. Nothing but numbers and
times is in a line.
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from accelerator.cloud.hits.visits import Strange, Visit

logger = logging.getLogger(__name__)

# Of a file that is written to, of one that is on its way to the database, and of what is left of one.
WRITTEN, LEAVING, ASIDE = ".hits", ".leaving", ".aside"
# Hits that are handed over at once.
PIECE = 1_000

_name = uuid.uuid4().hex

Insert = Callable[[list[Visit]], None]


def write(folder: Path, visit: Visit) -> None:
    """Once this returns, the hit is on the disk. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{_name}{WRITTEN}"
    while True:
        with _opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            if not _lies_at(file, path):
                continue  # it was renamed meanwhile
            line = visit.line()
            if os.write(file, line) < len(line):
                raise OSError(f"no room for a hit in {folder}")
            os.fsync(file)
            # Who else may have made the file, and not been as far as this?
            with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as directory:
                os.fsync(directory)
            return


def is_empty(folder: Path) -> bool:
    """Whether nothing waits for the database, or for a person."""
    return not any(_files(folder, suffix) for suffix in (WRITTEN, LEAVING, ASIDE))


def empty(folder: Path, insert: Insert, refusals: tuple[type[Exception], ...] = ()) -> int:
    """Hand over whatever waits, and forget it; how many hits they were. What `insert` refuses by one of the `refusals`,
    however few they are, and lines that nobody understands, are put aside. Raises whatever else `insert` raises.
    """
    for path in _files(folder, WRITTEN):
        with suppress(FileNotFoundError):  # another process takes it
            path.rename(path.with_suffix(f".{uuid.uuid4().hex}{LEAVING}"))
    return sum(_Leaving(path, insert, refusals).hand_over() for path in _files(folder, LEAVING))


class _Leaving:
    """A file on its way."""

    def __init__(self, path: Path, insert: Insert, refusals: tuple[type[Exception], ...]) -> None:
        self._path, self._insert, self._refusals = path, insert, refusals
        self._aside: list[bytes] = []

    def hand_over(self) -> int:
        count = 0
        try:
            with _opened(self._path, os.O_RDONLY) as file:
                # Whoever has it otherwise is writing the last line, or takes it to the database.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not _lies_at(file, self._path):
                    return 0
                with open(file, "rb", closefd=False) as lines:
                    visits = self._visits(lines)
                    while piece := list(islice(visits, PIECE)):
                        self._take(piece)
                        count += len(piece)
                if self._aside:
                    self._put_aside()
                self._path.unlink()
        except (FileNotFoundError, BlockingIOError):
            pass
        except PermissionError as error:
            # It is somebody else's, and holds up no other.
            logger.error("%s stays where it is: %s", self._path, error)  # noqa: TRY400
        return count

    def _put_aside(self) -> None:
        aside = self._path.with_suffix(ASIDE)
        with aside.open("wb") as file:
            file.write(b"".join(self._aside))
            file.flush()
            os.fsync(file.fileno())
        logger.error("%s hits are left in %s: nobody understands them", len(self._aside), aside)

    def _visits(self, lines: Iterable[bytes]) -> Iterator[Visit]:
        for line in lines:
            try:
                visit = Visit.of_line(line)
            except Strange:
                self._aside.append(line)
                continue
            if visit is not None:
                yield visit

    def _take(self, piece: list[Visit]) -> None:
        """All of them; or, where one is in the way, all others."""
        try:
            self._insert(piece)
        except self._refusals:
            if len(piece) == 1:
                self._aside.append(piece[0].line())
                return
            self._take(piece[: len(piece) // 2])
            self._take(piece[len(piece) // 2 :])


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
