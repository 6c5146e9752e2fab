"""One Valkey server of our own: wake-ups and cache only, so that it keeps nothing on disk."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from accelerator.embedded import CannotStart, binaries, folders, spawning

START_WITHIN = 20.0


class ValkeyFailed(CannotStart):
    pass


class Valkey:
    """A server on a unix socket below `folder`; what it held is gone after a stop."""

    ends_at_once_by = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folders.for_sockets(folder) / "valkey.sock"
        self.log = folder / "valkey.log"
        self.process: subprocess.Popen[bytes] | None = None
        # Tells a guardian, who ends us in our turn.
        self.watch: Callable[[int], None] | None = None

    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Return when it answers."""
        command: list[str | Path] = [binaries.valkey_server(), "--port", "0", "--unixsocket", self.socket]
        command += ["--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self.ask("SHUTDOWN NOSAVE")  # what a killed guardian may have left
        self.socket.unlink(missing_ok=True)
        death_signal = None if self.watch else self.ends_at_once_by
        with self.log.open("ab") as log:
            self.process = spawning.spawn(
                command, output=log, death_signal=death_signal, cwd=self.folder, watch=self.watch
            )
        self.wait_until_ready()

    def stop(self) -> None:
        if self.process:
            spawning.stop(self.process, signal.SIGTERM, grace=10)
            self.process = None

    def answers(self) -> bool:
        return self.ask("PING").startswith(b"+PONG")

    def ask(self, command: str) -> bytes:
        """Its answer; nothing if there is none."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.socket))
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(16)
            except OSError:
                return b""

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while not self.answers():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                lines = self.log.read_text(errors="replace").splitlines()
                said = " / ".join(line.strip() for line in lines[-3:]) or "nothing"
                raise ValkeyFailed(f"Valkey did not start. Its log, {self.log}, ends with: {said}")
            time.sleep(0.02)
