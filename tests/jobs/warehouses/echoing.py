"""A server that speaks enough of PostgreSQL's protocol to be told a password, and tells it to whoever listens."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SSL, GSS = 80877103, 80877104


class Echo(socketserver.StreamRequestHandler):
    """One client: asks for a password in clear text, and says in its refusal what it was."""

    def handle(self) -> None:
        while True:
            length, code = struct.unpack("!II", self.rfile.read(8))
            self.rfile.read(length - 8)
            if code not in (SSL, GSS):
                break
            self.wfile.write(b"N")
        self.wfile.write(b"R" + struct.pack("!II", 8, 3))
        _, length = struct.unpack("!cI", self.rfile.read(5))
        password = self.rfile.read(length - 4).rstrip(b"\0")
        text = b"SFATAL\0VFATAL\0C28P01\0MNobody may come in with " + password + b".\0\0"
        self.wfile.write(b"E" + struct.pack("!I", len(text) + 4) + text)


@contextmanager
def echo() -> Iterator[int]:
    """The port of one."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def silence() -> Iterator[int]:
    """The port of a server that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
