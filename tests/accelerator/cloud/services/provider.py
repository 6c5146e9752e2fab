"""An email service provider on this machine: the API of Postmark, as far as anymail's backend asks for it.

By the word that a local part begins with a recipient meets a fault; with `mood` everybody meets one. Whom a service may
have taken is recorded before it answers, so that the record holds all that a sender may count as accepted.
"""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from accelerator.cloud.services.definitions import Definition

KEY = "a-key-that-nobody-may-read"
INACTIVE = (
    "You tried to send to a recipient that has been marked as inactive. Found inactive addresses: {to}. "
    "Inactive recipients are ones that have generated a hard bounce or a spam complaint."
)
# Word: HTTP status, Postmark's error code, its message. The 200 that is none is a page of somebody between.
ANSWERS = {
    "inactive": (422, 406, INACTIVE),
    "invalid": (422, 300, "Error parsing 'To': Illegal email address '{to}'."),
    "garbled": (422, 300, "Error parsing 'To': something else"),
    "large": (413, 0, "The message is too large"),
    "wrong": (400, 0, "The document can't be understood"),
    "signature": (422, 400, "The 'From' address you supplied is not a Sender Signature on your account."),
    "denied": (401, 10, "No Account or Server API tokens were supplied: " + KEY),
    "forbidden": (403, 0, "Forbidden"),
    "many": (429, 0, "Too many requests"),
    "moved": (307, 0, "Over there"),
    "broken": (500, 0, "Something broke"),
    "away": (503, 0, "Come again"),
    "page": (200, 0, ""),
}
# Those that have taken the message, though they do not say so.
TAKES = ("broken", "away", "page", "cut", "drip", "slow", "held")


class Provider:
    """Start it, send through `definition`, read `calls`."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.accepted: list[str] = []  # recipients whose message it has, whatever it said
        self.mood = ""
        self.webhook: dict[str, object] = {}
        self.gate = threading.Event()  # those who are "held" wait for it
        self.connections = 0
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def definition(self) -> Definition:
        return Definition("esp", "postmark", {"server_token": KEY, "api_url": self.url}, webhook=self.webhook)

    def start(self) -> None:
        """Listen; after a `stop` again on the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Cut all connections; nobody listens until the next `start`."""
        self.gate.set()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, told: dict[str, Any]) -> tuple[int, dict[str, object] | None] | str:
        """Status and document; a word: the line is cut, or an answer without end."""
        to = str(told["To"])
        word = self.mood or next((word for word in (*ANSWERS, *TAKES) if to.startswith(word)), "")
        if not word or word in TAKES:
            self.accepted.append(to)
        if word in ("cut", "drip"):
            return word
        if word == "held":
            self.gate.wait(30)
        if word == "page":
            return 200, None
        if word in ANSWERS:
            status, code, said = ANSWERS[word]
            return status, {"ErrorCode": code, "Message": said.format(to=to)}
        return 200, {"ErrorCode": 0, "Message": "OK", "MessageID": f"id-{to}", "To": to}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                provider.connections += 1
                provider._open.append(self.request)
                super().setup()

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.calls.append(told)
                provider.headers.append(dict(self.headers.items()))
                found = provider.answer(told)
                if isinstance(found, str):
                    self.fail(found)
                    return
                status, document = found
                body = b"<h1>It works</h1>" if document is None else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Location", provider.url + "email")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def fail(self, word: str) -> None:
                if word == "drip":
                    # An answer that comes byte by byte for as long as anybody listens.
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not provider.gate.wait(0.05):
                        self.wfile.write(b".")
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its own name
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

        return Handler


def everybody_once(provider: Provider) -> bool:
    """Nobody's message was taken twice."""
    return len(set(provider.accepted)) == len(provider.accepted)
