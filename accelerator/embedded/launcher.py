"""Runs as a script between fork and exec: ties a program's life to its parent's and chooses whom it runs as.

    python -I -S launcher.py PARENT SIGNAL IDENTITY PROGRAM [ARGUMENT ...]

PARENT    process id of whoever started us: when it dies, however it dies, the program gets SIGNAL (0: nothing)
IDENTITY  "self", "userns" (root, seen as user 1000 inside a user namespace) or "UID:GID"

Its standard input is a pipe: the program runs when a byte comes out of it, and does not when it ends before.

Standard library only, and no import of ours: it must start in a few milliseconds.
"""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000
INSIDE = 1000

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_user_namespace() -> None:
    """Root outside, an ordinary user inside: PostgreSQL is content and the files stay root's."""
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INSIDE} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{INSIDE} {gid} 1")


def become(uid: int, gid: int) -> None:
    """Drop root, but keep the right to pass folders, as the checkout may lie below a closed home folder."""
    check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    only = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable; then the same for capabilities 32 and up
    if libc.capset(header, (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def wait_until_watched() -> None:
    if not os.read(0, 1):
        sys.exit("the process that started us is gone, or nobody would see to our end")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def main(parent: int, death_signal: int, identity: str, command: list[str]) -> None:
    wait_until_watched()
    if identity == "userns":
        enter_user_namespace()
    elif identity != "self":
        uid, _, gid = identity.partition(":")
        become(int(uid), int(gid))
    # After the change of user, which clears it.
    check(libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit("the process that started us is already gone")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
