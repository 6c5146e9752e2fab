"""Somebody who asks a server for many paths, on many connections at once:

    python -m accelerator.benches.hitting HOST PORT CONNECTIONS FILE [PER_SECOND]

FILE has a path a line. Each connection asks for the next one when its last is answered, or, with PER_SECOND, when its
turn has come. Says as JSON how many were answered with a success or a redirection, in how many seconds, and how long an
answer took (seconds).
"""

import json
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from accelerator.benches import results

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PATIENCE = 30.0


class Line:
    """One connection, and what was asked for on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = f" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {AGENT}\r\n\r\n".encode()
        self.asked_at = 0.0
        self.received = b""

    def ask(self, path: bytes, since: float) -> None:
        """`since`: when it was to be asked for, which may be a while ago."""
        self.asked_at = since
        self.socket.sendall(b"GET %b%b" % (path, self.rest))

    def answer(self) -> int | None:
        """The status, once all of the answer is here."""
        data = self.socket.recv(65_536)
        if not data:
            raise SystemExit("The server has closed a connection.")
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(fields.get(b"content-length", b"0")):
            return None
        self.received = b""
        return int(head[9:12])


def main(
    host: str, port: int, connections: int, paths: Iterator[bytes], per_second: float
) -> dict[str, object]:
    """Ask for all paths."""
    lines = [Line(host, port) for _ in range(connections)]
    chosen = selectors.DefaultSelector()
    for line in lines:
        chosen.register(line.socket, selectors.EVENT_READ, line)
    idle, took, statuses = list(lines), [], Counter[int]()
    began = time.perf_counter()
    turns = _turns(began, per_second)
    turn, path = next(turns), next(paths, None)
    while path is not None or len(idle) < connections:
        while path is not None and idle and turn <= time.perf_counter():
            line = idle.pop()
            line.ask(path, turn if per_second else time.perf_counter())
            turn, path = next(turns), next(paths, None)
        wait = max(0.0, turn - time.perf_counter()) if path is not None and idle else PATIENCE
        for key, _ in chosen.select(wait):
            status = key.data.answer()
            if status is not None:
                took.append(time.perf_counter() - key.data.asked_at)
                statuses[status // 100] += 1
                idle.append(key.data)
    seconds = time.perf_counter() - began
    return {
        "answered": statuses[2] + statuses[3],
        "refused": statuses[4] + statuses[5],
        "seconds": seconds,
        **{f"p{percent}": results.percentile(took, percent) for percent in (50, 99)},
        "worst": max(took),
    }


def _turns(began: float, per_second: float) -> Iterator[float]:
    number = 0
    while True:
        yield began + number / per_second if per_second else 0.0
        number += 1


if __name__ == "__main__":
    host, port, connections, file, *more = sys.argv[1:]
    wanted = iter(Path(file).read_bytes().split())
    print(json.dumps(main(host, int(port), int(connections), wanted, float(*more) if more else 0.0)))  # noqa: T201
