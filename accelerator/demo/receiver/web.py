"""The inbox's own small HTTP server: addresses to functions, and the headers that every answer carries."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# Pages of ours: nothing from elsewhere, no inline script or style, in nobody's frame.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Request:
    """What a page may know: the path, its query (the last of repeated names), and the browser's ETag."""

    path: str
    query: dict[str, str]
    etag: str = ""


@dataclass(frozen=True)
class Response:
    """An answer. `headers` win over those that every answer carries."""

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Page = Callable[[Request, re.Match[str]], Response]


def serve(routes: list[tuple[str, Page]], *, host: str, port: int) -> ThreadingHTTPServer:
    """A bound server; call `serve_forever` in a thread. A route is a regular expression for the whole path.

    Raises OSError when the port is taken.
    """
    compiled = [(re.compile(pattern), page) for pattern, page in routes]

    def answer(request: Request) -> Response:
        for pattern, page in compiled:
            match = pattern.fullmatch(request.path)
            if match:
                return page(request, match)
        return Response(b"No such page\n", "text/plain; charset=utf-8", 404)

    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    return _Server((host, port), handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    answer: Callable[[Request], Response]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        response = self.answer(Request(parts.path, query, self.headers.get("If-None-Match", "")))
        self.send_response(response.status)
        headers = {
            "Content-Type": response.kind,
            "Content-Length": str(len(response.body)),
            "Content-Security-Policy": PAGE_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            **response.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_HEAD = do_GET  # noqa: N815  the name that http.server looks for

    def version_string(self) -> str:
        return "demo-receiver"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the pages are polled, and the log belongs to what matters."""
