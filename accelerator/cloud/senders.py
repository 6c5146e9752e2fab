"""Which processes send, and whether one that was in the middle of it may still have messages in hand.

A sender that sleeps beyond its lease is fenced off from the ledger, but not from its socket: only its end is a proof.
A process is gone where somebody under the same kernel (and in the same space of process numbers) finds it gone; of a
machine that is gone with all its processes, a person must say so.
"""

import os
import socket
from pathlib import Path

from django.db.models.functions import Now

from accelerator.cloud.models import SenderProcess, mark

# States of a process that has closed all it had open (proc_pid_stat(5)).
DEAD = ("Z", "X", "x")
HIDDEN = 0
# Stands for the senders of versions that did not say who they were.
NAMELESS = {"kernel": "", "pid": 0, "started": 0}


def me() -> int:
    """The row of this process."""
    pid = os.getpid()
    row, _ = SenderProcess.objects.get_or_create(
        kernel=_kernel(),
        pid=pid,
        started=_started(pid) or HIDDEN,
        defaults={"host": socket.gethostname()[:200]},
    )
    return row.pk


def nameless() -> int:
    """The row of whoever did not say who they were. Nobody can look for them."""
    row, _ = SenderProcess.objects.get_or_create(**NAMELESS, defaults={"host": "an earlier version"})
    return row.pk


def look() -> None:
    """Note which processes of this kernel are gone."""
    alive = SenderProcess.objects.filter(kernel=_kernel(), ended_at=None)
    gone = [row.pk for row in alive if _started(row.pid) not in (row.started, HIDDEN)]
    if gone:
        alive.filter(pk__in=gone).update(ended_at=Now(), proof=SenderProcess.Proof.LOOKED)


def declare(pk: int, why: str) -> bool:
    """A person knows that a process is gone; False if there is no such one. One that is seen to live stays alive."""
    look()
    here = SenderProcess.objects.filter(pk=pk, kernel=_kernel(), ended_at=None)
    if not SenderProcess.objects.filter(pk=pk).exists() or here.exists():
        return False
    SenderProcess.objects.filter(pk=pk, ended_at=None).update(
        ended_at=Now(), proof=SenderProcess.Proof.DECLARED, why=why
    )
    mark.rise()
    return True


def _kernel() -> str:
    """Where process numbers mean the same: this boot of this machine, this namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since its kernel did; None if it is gone, 0 if it lives and hides it."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return None
    except OSError:
        # Somebody else's, on a machine that shows one's own only.
        return HIDDEN
    # The name stands in brackets and may have any characters in it.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in DEAD else int(fields[18])
