"""A sender's server as the links in its mails reach it, and mail with such links."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

PAGE = (
    b'<!doctype html><form method="post"><button name="sure" value="yes &amp; no">Unsubscribe</button></form>'
)


@dataclass(frozen=True)
class Visit:
    """A request that came, and where from."""

    method: str
    path: str
    agent: str
    body: str
    kind: str
    line: tuple[str, int]
    at: float


@dataclass
class Sender:
    """Counts opens (/o/), redirects clicks (/c/), shows a page to unsubscribe at (/u/), and records all of it."""

    url: str
    visits: list[Visit] = field(default_factory=list)
    # Statuses to answer with, before anything is answered as usual; and what is held up until `go_on` is set.
    failures: deque[int] = field(default_factory=deque)
    leads_to: str = "http://www.shop.example/"
    page: bytes = PAGE
    go_on: threading.Event = field(default_factory=threading.Event)

    def asked(self, method: str = "GET") -> list[str]:
        return [visit.path for visit in self.visits if visit.method == method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sender: Sender

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, get = self.path, self.headers.get
        self.sender.visits.append(
            Visit(
                self.command,
                path,
                get("User-Agent", ""),
                body.decode(),
                get("Content-Type", ""),
                self.client_address,
                time.monotonic(),
            )
        )
        self.sender.go_on.wait(30)
        if self.sender.failures:
            self._answer(self.sender.failures.popleft(), b"later")
        elif path.startswith("/c/"):
            self._answer(302, b"", Location=self.sender.leads_to)
        else:
            self._answer(200, self.sender.page if path.startswith("/u/") else b"GIF89a")

    do_HEAD = do_POST = do_GET  # noqa: N815  the names that http.server looks for

    def _answer(self, status: int, page: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@pytest.fixture
def open_sender() -> Iterator[Callable[..., Sender]]:
    """Opens servers of senders, on a free port or a given one, that close with the test."""
    opened: list[tuple[Sender, ThreadingHTTPServer]] = []

    def run(port: int = 0) -> Sender:
        sender = Sender("")
        server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"sender": sender}))
        sender.url = f"http://127.0.0.1:{server.server_address[1]}"
        sender.go_on.set()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        opened.append((sender, server))
        return sender

    yield run
    for sender, server in opened:
        sender.go_on.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def sender(open_sender: Callable[..., Sender]) -> Sender:
    return open_sender()


def campaign_mail(
    url: str, recipient: str, name: str = "1", *, clicks: int = 3, encoding: str = "7bit", more: str = ""
) -> EmailMessage:
    """A message as the Cloud writes it: a pixel, some links, one of them to unsubscribe. `more` is HTML."""
    anchors = "".join(f'<a href="{url}/c/click-{name}-{number}">See</a>\n' for number in range(clicks))
    html = (
        f'<p>Good day, friend</p>\n{anchors}{more}<a href="{url}/u/{name}">Unsubscribe</a>\n'
        f'<img src="{url}/o/{name}" alt="">\n'
    )
    if encoding == "8bit":
        html = html.replace("friend", "Jürgen")
    message = EmailMessage()
    message["From"] = "Ann <ann@x.example>"
    message["To"] = recipient
    message["Subject"] = "Sale"
    message["Message-ID"] = f"<{name}@x.example>"
    message["List-Unsubscribe"] = f"<{url}/u/{name}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(f"See: {url}/c/click-{name}-0\n")
    message.add_alternative(html, subtype="html", cte=encoding)
    return message


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
