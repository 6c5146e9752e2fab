"""A house in which some things have a small disk of their own, that can be filled up."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from accelerator.embedded.postgres import Postgres
from tests.faults.world import World

# Megabytes: for the spool, the receiver's journal and inbox, the tables of both databases and the log of their changes.
DISKS = {"spool": 8, "receiver": 48, "postgres": 384, "pg_wal": 640}
FILLER = "filler"


class NoDisks(Exception):
    """Nobody can mount a file system here."""


class Tight(World):
    """`full` fills one of DISKS up for a while."""

    def __init__(self, folder: Path, **settings: str) -> None:
        data = folder / "data"
        data.mkdir(mode=0o700, parents=True)
        self._mounted: list[Path] = []
        try:
            for name in ("spool", "receiver"):
                self._mount(data / name, DISKS[name])
            self._mount_databases(data)
            super().__init__(folder, **settings)
        except BaseException:
            self._unmount()
            raise

    def close(self) -> int:
        try:
            return super().close()
        finally:
            self._unmount()

    @contextlib.contextmanager
    def full(self, name: str) -> Iterator[None]:
        """Not a byte is left on the disk."""
        filler = self.house.folder / name / FILLER
        try:
            fill(filler)
            yield
        finally:
            filler.unlink()

    def _mount_databases(self, data: Path) -> None:
        """The tables on one small disk, the log of changes on another."""
        postgres = Postgres(data)
        postgres.start()
        postgres.stop()
        made = postgres.data.rename(data / "made")
        self._mount(data / "pg_wal", DISKS["pg_wal"])
        self._mount(postgres.data, DISKS["postgres"])
        for source, target in ((made / "pg_wal", data / "pg_wal"), (made, postgres.data)):
            shutil.copystat(source, target)
            os.chown(target, source.stat().st_uid, source.stat().st_gid)
            subprocess.run(["cp", "-a", f"{source}/.", target], check=True)
        shutil.rmtree(postgres.data / "pg_wal")
        (postgres.data / "pg_wal").symlink_to(data / "pg_wal")
        os.chown(postgres.data / "pg_wal", made.stat().st_uid, made.stat().st_gid, follow_symlinks=False)
        shutil.rmtree(made)

    def _mount(self, folder: Path, megabytes: int) -> None:
        folder.mkdir(mode=0o700)
        options = f"size={megabytes}m,mode=0700"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NoDisks(f"no small disk can be mounted, be root for these cases: {done.stderr.strip()}")
        self._mounted.append(folder)

    def _unmount(self) -> None:
        for folder in reversed(self._mounted):
            subprocess.run(["umount", "--lazy", folder], check=True)
        self._mounted = []


def fill(path: Path) -> None:
    """Write until nothing fits any more."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
