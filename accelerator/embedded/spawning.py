"""Starts and stops child processes that cannot outlive us; no other module forks."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launcher.py")

Output = int | IO[bytes]


def spawn(
    command: Sequence[str | Path],
    *,
    output: Output,
    death_signal: signal.Signals | None = signal.SIGKILL,
    identity: str = "self",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep: Sequence[int] = (),
    watch: Callable[[int], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (a Ctrl-C at the terminal reaches us alone).

    Call it from the main thread: the kernel sends `death_signal` when the *thread* that forked ends;
    with None somebody else must see to its end. Who shall is told by `watch`, which is given the process id:
    the program runs only after that, and never if we are killed before.
    `keep` are file descriptors the program inherits, locks for example.
    """
    shim = [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), str(int(death_signal or 0)), identity]
    inner, gate = os.pipe()
    try:
        process = subprocess.Popen(
            [*map(str, shim), *map(str, command)],
            stdin=inner,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(keep),
        )
        if watch:
            watch(process.pid)
        # It reads at its own pace; should it have died already, `inner` is still open here.
        os.write(gate, b"1")
    finally:
        os.close(inner)
        os.close(gate)
    return process


def send(process: subprocess.Popen[bytes], number: signal.Signals, *, group: bool = False) -> None:
    """Signal a child, or with `group` everything in its session; it may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, number)
        elif process.poll() is None:
            process.send_signal(number)


def stop(process: subprocess.Popen[bytes], how: signal.Signals, grace: float) -> None:
    """Ask a child to end, and after `grace` seconds end it."""
    send(process, how)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        send(process, signal.SIGKILL, group=True)
        process.wait()
