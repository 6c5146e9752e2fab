"""As whom PostgreSQL runs: it refuses root, so that root has to run it as somebody else."""

import os
import pwd
import subprocess
from pathlib import Path

from accelerator.embedded import CannotStart, spawning

NOBODY = 65534


class NobodyToRunAs(CannotStart):
    pass


def choose(program: Path, folder: Path) -> str:
    """An identity for `launcher` that can run the program and own the data folder; hands the folder over.

    An ordinary user is herself. Root becomes an ordinary user inside a user namespace, which leaves the files
    root's; where the machine forbids that, `nobody`. A data folder that already belongs to an ordinary user
    keeps its owner, so that this user can start it again.
    """
    if os.geteuid() != 0:
        return "self"
    owner = folder.stat()
    if owner.st_uid not in (0, nobody()[0]):
        return f"{owner.st_uid}:{owner.st_gid}"
    if works("userns", program, folder):
        hand_over(folder, 0, 0)
        return "userns"
    uid, gid = nobody()
    hand_over(folder, uid, gid)
    if works(f"{uid}:{gid}", program, folder):
        return f"{uid}:{gid}"
    raise NobodyToRunAs(
        f"PostgreSQL does not run as root, and here root can start it neither in a user namespace nor as "
        f"`nobody`. Run as an ordinary user, or name a running server with DATABASE_URL. ({program})"
    )


def nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return NOBODY, NOBODY
    return entry.pw_uid, entry.pw_gid


def works(identity: str, program: Path, folder: Path) -> bool:
    """Can the program be reached, and the folder be written, as this identity?"""
    trial: list[str | Path] = ["/bin/sh", "-c", 'test -w "$1" && "$2" --version', "sh", folder, program]
    return spawning.spawn(trial, output=subprocess.DEVNULL, identity=identity).wait() == 0


def hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make the folder and all that is in it this user's."""
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
