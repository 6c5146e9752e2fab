"""A line to a PostgreSQL warehouse that goes wrong in the middle of a result."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

Fate = Callable[["Line", socket.socket, bytes], bool]

# Closed so, a socket sends RST.
ABRUPTLY = struct.pack("ii", 1, 0)


def silent(line: "Line", client: socket.socket, rows: bytes) -> bool:
    """Nothing comes any more, and the line stays."""
    return False


def closed(line: "Line", client: socket.socket, rows: bytes) -> bool:
    client.shutdown(socket.SHUT_RDWR)
    return False


def reset(line: "Line", client: socket.socket, rows: bytes) -> bool:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
    client.shutdown(socket.SHUT_RD)
    client.close()
    return False


def trickling(line: "Line", client: socket.socket, rows: bytes) -> bool:
    """A kilobyte now, another after a moment."""
    for start in range(0, len(rows), 1024):
        client.sendall(rows[start : start + 1024])
        line.over.wait(0.002)
    return True


class Line:
    """From `port` to the server's socket; `fate` befalls a connection once `after` bytes of rows have passed on it.

    `times`: connections that meet it. `deaf`: after the first, nothing passes on new connections either.
    """

    def __init__(self, target: str, fate: Fate, *, after: int, times: int = 1, deaf: bool = False) -> None:
        self.target, self.fate, self.after, self.times, self.deaf = target, fate, after, times, deaf
        self.met = 0
        self.struck, self.over = threading.Event(), threading.Event()
        self._kept: list[socket.socket] = []
        self._keeping = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with self._keeping:
            self.over.set()
            self._listener.close()
            for one in self._kept:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                self._take(self._listener.accept()[0])

    def _take(self, client: socket.socket) -> None:
        with self._keeping:
            if self.over.is_set():
                client.close()
                return
            self._kept.append(client)
            if self.deaf and self.struck.is_set():
                return
            server = socket.socket(socket.AF_UNIX)
            self._kept.append(server)
            server.connect(self.target)
        for passing in (self._requests, self._rows):
            threading.Thread(target=passing, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := client.recv(65_536):
                server.sendall(said)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _rows(self, client: socket.socket, server: socket.socket) -> None:
        passed, struck = 0, False
        with contextlib.suppress(OSError):
            while said := server.recv(65_536):
                if not struck and passed <= self.after < passed + len(said):
                    struck = self._strikes()
                passed += len(said)
                if not struck:
                    client.sendall(said)
                elif not self.fate(self, client, said):
                    return
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _strikes(self) -> bool:
        if self.met >= self.times:
            return False
        self.met += 1
        self.struck.set()
        return True
