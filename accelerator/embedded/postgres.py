"""One PostgreSQL server of our own: made once, started on a unix socket, started again on its data."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg

from accelerator.embedded import CannotStart, binaries, folders, identity, spawning

OWNER = "accelerator"
START_WITHIN = 60.0
# The first version with a Unicode collation that needs nothing of the machine.
BUILTIN_COLLATION = 17

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # Nobody replicates an embedded server, and COPY into a new table then needs no log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # A statement that fails, its context and its details may hold addresses; the log holds none.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For tests: what a crash would lose is thrown away anyway.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


class PostgresFailed(CannotStart):
    pass


class Postgres:
    """A server with its data in `folder`/postgres. `durable=False` trades the data of a crash for speed."""

    # Immediate shutdown: nothing stays behind, and the next start replays the log.
    ends_at_once_by = signal.SIGQUIT
    settings = SETTINGS

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.data = folder / "postgres"
        self.sockets = folders.for_sockets(folder)
        self.log = folder / "postgres.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        # Tells a guardian, who ends us in our turn. Should it be dead too, we end when our last client has.
        self.watch: Callable[[int], None] | None = None

    def url(self, database: str) -> str:
        """Understood by libpq, psycopg and django-environ alike."""
        return f"postgres://{OWNER}@/{database}?host={quote(str(self.sockets))}"

    def start(self) -> None:
        """Return when it answers. A server that is still ending on the same folder is waited for."""
        lock = folders.lock(
            self.folder / "postgres.lock",
            wait=20,
            refusal=f"A PostgreSQL server already runs on {self.data}. Stop it, or choose another DATA_DIR.",
        )
        try:
            programs = binaries.postgres(self.version())
            if self.version() is None:
                self.initialise(programs)
            who = identity.choose(programs.folder / "postgres", self.data)
            self.share_sockets(who)
            self.forget_the_dead()
            self.process = self.launch(programs, who, lock)
        finally:
            os.close(lock)
        self.wait_until_ready()

    def stop(self) -> None:
        """Fast: connections are cut, everything is written. Immediate after half a minute."""
        if self.process:
            spawning.stop(self.process, signal.SIGINT, grace=30)
            self.process = None

    def version(self) -> int | None:
        """The major version whose data is in the folder; None when there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            if not self.data.exists() or not any(self.data.iterdir()):
                return None
            raise PostgresFailed(
                f"{self.data} is not empty, and not the data of a PostgreSQL server. Move it away, or choose "
                "another folder with DATA_DIR."
            ) from None
        except (OSError, ValueError) as error:
            raise PostgresFailed(
                f"{self.data} cannot be read as the data of a PostgreSQL server. Restore it, or choose "
                "another folder with DATA_DIR."
            ) from error

    def share_sockets(self, who: str) -> None:
        if ":" in who:
            uid, gid = map(int, who.split(":"))
            os.chown(self.sockets, uid, gid)

    def initialise(self, programs: binaries.PostgresPrograms) -> None:
        """Make the data folder beside its place, then move it there: an interrupted initdb leaves no half."""
        unfinished = self.data.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        who = identity.choose(programs.folder / "initdb", folders.private(unfinished))
        command: list[str | Path] = [programs.folder / "initdb", "-D", unfinished, "-U", OWNER]
        command += ["--encoding=UTF8", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        if programs.major >= BUILTIN_COLLATION:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            command += ["--locale=C.UTF-8"]
        if not self.durable:
            command += ["--no-sync"]
        with self.log.open("ab") as log:
            done = spawning.spawn(command, output=log, identity=who).wait()
        if done != 0:
            raise PostgresFailed(
                f"PostgreSQL could not make its data folder {self.data}. {self.last_words()}"
            )
        unfinished.rename(self.data)

    def forget_the_dead(self) -> None:
        """Remove the marks of a killed server: we hold the lock, so nobody of ours runs here.

        PostgreSQL takes any live process with the noted id for its owner, and ids are used again.
        """
        pidfile = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, IndexError, ValueError):
            pid = int(pidfile.read_text().splitlines()[0])
            if Path(f"/proc/{pid}/cwd").resolve(strict=True) == self.data.resolve():
                raise PostgresFailed(
                    f"A PostgreSQL server that was not started here, process {pid}, runs on {self.data}. "
                    "Stop it, or choose another folder with DATA_DIR."
                )
        pidfile.unlink(missing_ok=True)
        for stale in self.sockets.glob(".s.PGSQL.*"):
            stale.unlink()

    def launch(self, programs: binaries.PostgresPrograms, who: str, lock: int) -> subprocess.Popen[bytes]:
        settings = self.settings if self.durable else self.settings | FLEETING
        command: list[str | Path] = [programs.folder / "postgres", "-D", self.data, "-k", self.sockets]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        death_signal = signal.SIGTERM if self.watch else self.ends_at_once_by
        with self.log.open("ab") as log:
            return spawning.spawn(
                command, output=log, identity=who, death_signal=death_signal, keep=[lock], watch=self.watch
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if self.process is None or self.process.poll() is not None:
                    raise PostgresFailed(
                        f"PostgreSQL ended right after its start. {self.last_words()}"
                    ) from error
                if "starting up" in str(error):
                    # After a crash it reads its log again, for as long as that takes.
                    deadline = time.monotonic() + START_WITHIN
                if time.monotonic() > deadline:
                    self.stop()
                    raise PostgresFailed(
                        f"PostgreSQL did not answer within {START_WITHIN:.0f} s. {self.last_words()}"
                    ) from error
                time.sleep(0.03)
            else:
                return

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = " / ".join(line.strip() for line in lines[-3:]) or "nothing"
        return f"Its log, {self.log}, ends with: {said}"
