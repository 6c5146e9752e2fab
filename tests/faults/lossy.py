"""A line to the broker that loses and doubles messages of Celery, and nothing else: a proxy that reads RESP."""

import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator

from tests.faults.lines import Connection, Line, Place

# The queues of dashboard and Cloud, with their prefixes.
QUEUES = re.compile(rb"(dashboard|cloud)\.(control|jobs|extracting|sending)")
# What LPUSH answers to whoever put a message into a queue: its length.
PUT = b":1\r\n"

Command = tuple[list[bytes], bytes]


class Lossy(Line):
    """Of the messages that are put into queues, `lost` and `twice` of a hundred are. Counts them by queue."""

    def __init__(self, target: Place, seed: int) -> None:
        self.begin(seed, 0, 0)
        self._drawing = threading.Lock()
        super().__init__(target)

    def begin(self, seed: int, lost: int = 20, twice: int = 20) -> None:
        """From now on, with chances of its own."""
        self._chance = random.Random(seed)  # noqa: S311  chances to be met again, no secrets
        self._lost, self._twice = lost, twice
        self.dropped, self.doubled, self.passed = Counter[str](), Counter[str](), Counter[str]()

    def end(self) -> None:
        """Everything passes."""
        self._lost = self._twice = 0

    def fate(self, queue: bytes) -> int:
        """How often a message arrives in the queue."""
        with self._drawing:
            drawn = self._chance.randrange(100)
            times = 0 if drawn < self._lost else 2 if drawn < self._lost + self._twice else 1
            (self.dropped, self.passed, self.doubled)[times][queue.decode()] += 1
            return times

    def connect(self, client: socket.socket, server: socket.socket) -> Connection:
        return _Broker(self, client, server)


class _Broker(Connection):
    """Passes on whole commands."""

    def __init__(self, line: Lossy, client: socket.socket, server: socket.socket) -> None:
        super().__init__(line, client, server)
        self._fates = line.fate
        self._unfinished = b""
        self._collecting = False  # commands of a transaction, whose replies come later

    def _pass_request(self, data: bytes) -> bool:
        self._unfinished += data
        found = list(commands(self._unfinished))
        self._unfinished = self._unfinished[sum(len(raw) for _, raw in found) :]
        alone = len(found) == 1 and not self._unfinished
        for words, raw in found:
            name = words[0].upper()
            if name in (b"MULTI", b"EXEC", b"DISCARD"):
                self._collecting = name == b"MULTI"
            if alone and not self._collecting and name == b"LPUSH" and QUEUES.fullmatch(words[1]):
                self._put(words, self._fates(words[1]))
            else:
                self.pass_on(self.server, raw)
        return True

    def _put(self, words: list[bytes], times: int) -> None:
        """Whoever puts a message waits for the answer: nothing else is on its way."""
        if times == 0:
            self.pass_on(self.client, PUT)
        else:
            self.pass_on(self.server, command([*words[:2], *words[2:] * times]))


def commands(data: bytes) -> Iterator[Command]:
    """The whole commands at the beginning of what was said: their words, and their bytes."""
    start = 0
    while (read := _command(data, start)) is not None:
        words, end = read
        yield words, data[start:end]
        start = end


def command(words: list[bytes]) -> bytes:
    """As a client writes it: an array of bulk strings."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _command(data: bytes, at: int) -> tuple[list[bytes], int] | None:
    head = _number(data, at, b"*")
    if head is None:
        return None
    count, at = head
    words = []
    for _ in range(count):
        head = _number(data, at, b"$")
        if head is None:
            return None
        size, at = head
        if len(data) < at + size + 2:
            return None
        words.append(data[at : at + size])
        at += size + 2
    return words, at


def _number(data: bytes, at: int, mark: bytes) -> tuple[int, int] | None:
    """A number behind its mark, and where the next line begins."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    assert data[at : at + 1] == mark, f"no client of a broker says {data[at : at + 1]!r} here"
    return int(data[at + 1 : end]), end + 2
