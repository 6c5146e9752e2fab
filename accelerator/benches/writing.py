"""Runs as `python -m accelerator.benches.writing PORT FOLDER`: writes whatever is PUT down, and answers then."""

import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Writer(BaseHTTPRequestHandler):
    """One file for each request, on the disk before it is answered."""

    protocol_version = "HTTP/1.1"
    folder = Path()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with (self.folder / Path(self.path).name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass

    def _answer(self) -> None:
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main(port: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Writer.folder = folder
    ThreadingHTTPServer(("127.0.0.1", port), Writer).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
