"""A small HTTP server in the place of somebody's service: it keeps what it was asked, and answers as a test says."""

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from jobs.warehouses import Stream


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    options: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())


# Gives the status, and the body as JSON or as bytes; and headers, if there are any.
Answer = Callable[[Asked], tuple[int, object] | tuple[int, object, dict[str, str]]]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """The port of one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            pass

        def do_GET(self) -> None:
            self.go()

        def do_POST(self) -> None:
            self.go()

        def go(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if body[:2] == b"\x1f\x8b":
                body = gzip.decompress(body)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said, *more = answer(
                Asked(self.command, parts.path, parse_qs(parts.query), headers, body)
            )
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            kind = "application/x-thrift" if isinstance(said, bytes) else "application/json"
            self.send_header("Content-Type", kind)
            for name, value in more[0].items() if more else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield found.server_port
        found.shutdown()
        thread.join()


@contextmanager
def ended_once(runs: threading.Event, stream: Stream) -> Iterator[None]:
    """What is inside waits for a query that somebody else ends, as soon as it runs."""

    def end() -> None:
        runs.wait(10)
        stream.cancel()

    ender = threading.Thread(target=end)
    ender.start()
    yield
    ender.join()


def key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: rsa.RSAPrivateKey, passphrase: str = "") -> str:
    """As PKCS#8, which is what services let one download."""
    sealed = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


def claims(token: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """What a JSON Web Token says, once its signature (RS256) is found to be the key's."""
    said, _, signature = token.rpartition(".")
    key.public_key().verify(_unpacked(signature), said.encode(), padding.PKCS1v15(), hashes.SHA256())
    found: dict[str, Any] = json.loads(_unpacked(said.partition(".")[2]))
    return found


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
