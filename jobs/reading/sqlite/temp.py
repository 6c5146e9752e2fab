"""What SQLite puts on the disk while it sorts: files that have no name any more, seen only among those that are open.

SQLite has no limit for them that holds: not temp_store, not max_page_count, which is of databases that have a name.
"""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

OPEN_FILES = Path("/dev/fd")
PAUSE = 0.1  # seconds between two looks


class Watch:
    """Whether the nameless files of this process are too large; a worker runs one query at a time."""

    def __init__(self, most: int) -> None:
        self.most, self._looked = most, 0.0
        self.exceeded = False

    def is_too_much(self) -> bool:
        """More than may be, or than what is left of the disk."""
        now = time.monotonic()
        if not self.exceeded and now - self._looked >= PAUSE:
            self._looked = now
            size, free = _nameless()
            self.exceeded = size > min(self.most, free)
        return self.exceeded


def _nameless() -> tuple[int, int]:
    """Bytes of the files that were deleted while they are open, and bytes that are free where they lie."""
    size, free = 0, 1 << 62
    for name in [int(place.name) for place in OPEN_FILES.iterdir()]:
        with suppress(OSError):  # closed meanwhile
            found = os.fstat(name)
            if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                size += found.st_blocks * 512
                disk = os.fstatvfs(name)
                free = min(free, disk.f_bavail * disk.f_frsize)
    return size, free
