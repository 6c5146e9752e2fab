"""A line to the Cloud that says every page of events twice: the answer to one request is given to the next one too."""

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}

Answer = tuple[int, list[tuple[str, str]], bytes]


class StammeringLine:
    """Passes everything on, to the letter; `repeated` counts the pages that were given a second time."""

    def __init__(self, port: int, cloud_port: int) -> None:
        self.repeated = 0
        self._cloud_port = cloud_port
        self._last: dict[str, Answer] = {}
        self._lock = threading.Lock()
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, content = line.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        place, events, _ = path.partition("/events?")
        if not events:
            return self._ask(method, path, headers, body)
        with self._lock:
            said = self._last.pop(place, None)
        if said is not None:
            self.repeated += 1
            return said
        fresh = self._ask(method, path, headers, body)
        if b'"position"' in fresh[2]:
            with self._lock:
                self._last[place] = fresh
        return fresh

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        cloud = HTTPConnection("127.0.0.1", self._cloud_port, timeout=60)
        try:
            cloud.request(method, path, body, headers)
            response = cloud.getresponse()
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
            return response.status, kept, response.read()
        except OSError:
            return 502, [], b""
        finally:
            cloud.close()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
