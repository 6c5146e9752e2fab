"""A folder, and the processes that run for it. Leaving the stage ends and removes everything, whatever happened.

Killed, it leaves its folder to the next one; the processes end with it.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from accelerator.benches import BenchFailed
from accelerator.embedded import folders, ports, spawning
from accelerator.embedded.environment import CHECKOUT
from accelerator.embedded.ports import Ports
from accelerator.embedded.postgres import Postgres
from accelerator.embedded.processes import Command
from accelerator.embedded.valkey import Valkey

# All of the caller's environment that is passed on.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER")

# A developer's .env must not reach in: the first are said to be empty, which `manage.py up` takes for not given.
CLEARED = (
    "CLOUD_DATABASE_URL",
    "REDIS_URL",
    "CLOUD_REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "CLOUD_SECRET_KEY",
    "CLOUD_KEY",
    "CLOUD_KEYS",
    "CSRF_TRUSTED_ORIGINS",
    "METRICS_TOKEN",
)
SAID = {
    "HOST": "127.0.0.1",
    "DEBUG": "false",
    "BEHIND_PROXY": "false",
    "TIME_ZONE": "UTC",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "console",
    "ALLOWED_HOSTS": "localhost,127.0.0.1",
    "CLOUD_ALLOWED_HOSTS": "localhost,127.0.0.1",
    "COLLECTING_WINDOW": "30d",
    "BATCH_RECORDS": "25000",
    # Whoever is put off is tried again when the benchmark is long over.
    "RETRY_DELAYS": "1d",
    # Nobody opens or clicks meanwhile.
    "ENGAGEMENT_MINUTES": "0",
}
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ABANDONED_AFTER = 60.0


class Stage:
    """Enter it in the main thread, before anything is started."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> "Stage":
        for number in STOPS:
            before = signal.signal(number, _stop)
            self.stack.callback(signal.signal, number, before)
        try:
            self.folder = _folder(self.stack)
            free = ports.free_near("127.0.0.1", Ports(20_000 + os.getpid() * 10 % 20_000))
            self.ports = Ports(free)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A person who presses Ctrl-C again is heard when all is gone.
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        self.stack.close()

    def environment(self, **more: str) -> dict[str, str]:
        """What a process here is told, and nothing that the caller's environment says otherwise."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        mail = f"smtp://127.0.0.1:{self.ports.smtp}"
        place = {
            "DATA_DIR": str(self.folder / "data"),
            "STATIC_ROOT": str(self.folder / "static"),
            "PUBLIC_URL": f"http://localhost:{self.ports.web}",
            "CLOUD_URL": f"http://127.0.0.1:{self.ports.cloud}",
            "CLOUD_PUBLIC_URL": f"http://localhost:{self.ports.cloud}",
            "SMTP_URL": mail,
            "EMAIL_URL": mail,
        }
        return kept | dict.fromkeys(CLEARED, "") | SAID | place | more

    def postgres(self) -> Postgres:
        """A server of our own, as durable as any."""
        server = Postgres(self.folder)
        self.stack.callback(server.stop)
        server.start()
        return server

    def valkey(self) -> Valkey:
        server = Valkey(self.folder)
        self.stack.callback(server.stop)
        server.start()
        return server

    def start(self, command: Command, env: Mapping[str, str]) -> "Process":
        """A process that runs until it is stopped, at the latest by leaving the stage."""
        process = Process(command, env, self.folder / f"{command.name.replace(' ', '-')}.txt")
        self.stack.callback(process.stop)
        return process

    def finish(self, command: Command, env: Mapping[str, str]) -> str:
        """Run a command to its end; what it printed. Raises BenchFailed."""
        process = self.start(command, env)
        code = process.popen.wait()
        if code != 0:
            raise BenchFailed(f'"{command.name}" failed (exit code {code}). It said: {process.last_words}')
        return process.said


class Process:
    """A running process and what it says, in a file."""

    def __init__(self, command: Command, env: Mapping[str, str], output: Path) -> None:
        self.command, self.output = command, output
        with output.open("wb") as file:
            # Should we be killed it ends as if it were asked to, and takes along what it started itself.
            self.popen = spawning.spawn(
                command.arguments,
                output=file,
                death_signal=signal.SIGTERM,
                env={**env, **command.env},
                cwd=CHECKOUT,
            )

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def last_words(self) -> str:
        return " / ".join(self.said.split("\n")[-6:]).strip(" /") or "nothing"

    def until(self, ready: Callable[[], bool], what: str, within: float) -> None:
        """Wait until `ready`. Raises BenchFailed when the process ends before, or time does."""
        deadline = time.monotonic() + within
        while not ready():
            if self.popen.poll() is not None:
                raise BenchFailed(f'"{self.command.name}" ended. It said: {self.last_words}')
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"Not within {within:.0f} s: {what}. {self.command.name} said: {self.last_words}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, end it when it is late, and leave nothing of its session."""
        with contextlib.suppress(ProcessLookupError):
            spawning.stop(self.popen, signal.SIGTERM, self.command.grace)
            spawning.send(self.popen, signal.SIGKILL, group=True)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler is given
    raise KeyboardInterrupt


def _folder(stack: contextlib.ExitStack) -> Path:
    """A new folder on a shelf of ours; those of killed runs are removed from it."""
    shelf = Path(tempfile.gettempdir()) / f"accelerator-benches-{os.geteuid()}"
    shelf.mkdir(mode=0o700, exist_ok=True)
    for left in shelf.iterdir():
        with contextlib.suppress(OSError, folders.Locked):
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER:
                os.close(folders.lock(left / "lock", wait=0, refusal="still in use"))
                shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(dir=shelf, prefix=""))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    lock = folders.lock(folder / "lock", wait=0, refusal=f"{folder} is in use")
    stack.callback(os.close, lock)
    return folder
