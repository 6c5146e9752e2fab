"""Folders that data and sockets live in, and the locks that say who uses them."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import tempfile
import time
from pathlib import Path

from accelerator.embedded import CannotStart

# sun_path holds 108 bytes with its closing zero; PostgreSQL's socket is "/.s.PGSQL.5432".
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")
ROOM_NEEDED = 300 * 1024 * 1024


class UnusableFolder(CannotStart):
    pass


class Locked(CannotStart):
    pass


def usable(folder: Path) -> Path:
    """The folder, made if need be (for its owner only), writable and with room, or UnusableFolder."""
    advice = "Choose another folder with DATA_DIR."
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        if not folder.is_dir():
            raise UnusableFolder(f"The data folder {folder} is not a folder but a file. {advice}")
        # chmod can be fooled (root, read-only mounts, quotas): write, and see.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(1024 * 1024))
            os.fsync(probe.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        owner = f" It belongs to {owner_name(folder)}." if isinstance(error, PermissionError) else ""
        reason = (error.strerror or str(error)).lower()
        raise UnusableFolder(f"The data folder {folder} cannot be used: {reason}.{owner} {advice}") from error
    if free < ROOM_NEEDED:
        raise UnusableFolder(
            f"The data folder {folder} has {free // 2**20} MB of free disk space, and at least "
            f"{ROOM_NEEDED // 2**20} MB are needed. Make room there, or choose another folder with DATA_DIR."
        )
    return folder


def owner_name(folder: Path) -> str:
    """Who owns the folder, or its nearest parent that can be seen."""
    for path in (folder, *folder.parents):
        with contextlib.suppress(OSError, KeyError):
            return pwd.getpwuid(path.stat().st_uid).pw_name
    return "somebody else"


def private(folder: Path) -> Path:
    """A folder of ours that nobody else may enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def for_sockets(data: Path) -> Path:
    """`data`/run, or a folder with a short name where that would not fit into a socket's address."""
    folder = data / "run"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
        return private(folder)
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"accelerator-{os.geteuid()}-{name}"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        folder = Path("/tmp") / folder.name  # noqa: S108 - checked below, and private
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if folder.is_symlink() or not folder.is_dir() or (os.geteuid() and found.st_uid != os.geteuid()):
        raise UnusableFolder(
            f"{folder} is needed for sockets, but belongs to somebody else. Remove it, or choose a data "
            "folder with a shorter path with DATA_DIR."
        )
    return private(folder)


def lock(path: Path, *, wait: float, refusal: str) -> int:
    """A locked file descriptor; the lock lasts until every process that inherited it has closed it or died.

    Unlike a file with a process id in it, it cannot go stale, and nobody else can be taken for the holder.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise Locked(refusal) from None
            time.sleep(0.05)
        else:
            return descriptor
