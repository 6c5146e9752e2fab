"""A line between two parts of a house that can be cut: a TCP proxy of the suite, in threads of its own."""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

Place = tuple[str, int] | str

# Closed so, a socket sends RST: nobody takes it for a goodbye.
ABRUPTLY = struct.pack("ii", 1, 0)
# Bytes of what went through that traps still know: a message with its envelope, a request with its headers.
REMEMBERED = 16_384


class State(Enum):
    """What the line does with connections; whatever was lost on one is lost for good, and the connection with it."""

    OPEN = "everything passes"
    DOWN = "connections are reset, and new ones too"
    HOLE = "everything is taken, and nothing comes through"
    DEAF = "requests are lost; replies pass"
    MUTE = "requests pass; replies are lost"


@dataclass
class Trap:
    """Cuts each of the next `times` connections on which `words` are said towards the server.

    `keep` bytes behind the words still pass (below zero: the last of the words do not), then the connection is reset;
    with None everything passes, and what is lost is the reply.
    """

    words: re.Pattern[bytes]
    keep: int | None = None
    times: int = 1
    sprung: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def spring(self) -> bool:
        """Whether this is one more cut."""
        with self._turn:
            if self.sprung >= self.times:
                return False
            self.sprung += 1
            return True


class Line:
    """Listens on `port`; leads to `target`, which may be named later. Lives until `close`."""

    def __init__(self, target: Place | None = None) -> None:
        self.target = target
        self.state = State.OPEN
        self.lost = 0  # bytes that did not come through
        self.refused = 0  # connections that it did not make
        self._traps: list[Trap] = []
        self._connections: set[Connection] = set()
        self._changing = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, name=f"line {self.port}", daemon=True).start()

    def set(self, state: State) -> None:
        """From now on. On a line that opens again, connections that lost something are reset."""
        with self._changing:
            self.state = state
            ended = [one for one in self._connections if state is State.DOWN or one.lossy]
        for connection in ended:
            connection.reset()

    @contextlib.contextmanager
    def cut(self, state: State) -> Iterator[None]:
        """For a while."""
        self.set(state)
        try:
            yield
        finally:
            self.set(State.OPEN)

    def trap(self, words: bytes, keep: int | None = None, times: int = 1) -> Trap:
        """Lay a trap for what is said from now on; `words` is a pattern."""
        trap = Trap(re.compile(words, re.DOTALL), keep, times)
        with self._changing:
            self._traps = [*(one for one in self._traps if one.sprung < one.times), trap]
        return trap

    def traps(self) -> list[Trap]:
        return [one for one in self._traps if one.sprung < one.times]

    def close(self) -> None:
        self.set(State.DOWN)
        self._listener.close()

    def lose(self, count: int) -> None:
        with self._changing:
            self.lost += count

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection: the requests in this thread, the replies in another one."""
        try:
            if self.state is State.DOWN or self.target is None:
                raise ConnectionRefusedError
            connection = self.connect(client, dial(self.target))
        except OSError:
            with self._changing:
                self.refused += 1
            _reset(client)
            return
        with self._changing:
            self._connections.add(connection)
        back = threading.Thread(target=connection.replies, daemon=True)
        back.start()
        connection.requests()
        back.join()
        with self._changing:
            self._connections.discard(connection)
        connection.close()

    def connect(self, client: socket.socket, server: socket.socket) -> "Connection":
        return Connection(self, client, server)


class Connection:
    """One conversation, between two threads of which each passes on one direction."""

    def __init__(self, line: Line, client: socket.socket, server: socket.socket) -> None:
        self.line, self.client, self.server = line, client, server
        self.lossy = False
        self._said = b""  # the last of what was said towards the server
        self._left: int | None = None  # bytes that still pass towards it
        self._awaited = False  # the next reply is lost
        self._broken = False
        for end in (client, server):
            with contextlib.suppress(OSError):  # a unix socket has no such delay
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def requests(self) -> None:
        for data in chunks(self.client):
            if self.line.state in (State.HOLE, State.DEAF):
                self._lose(data)
            elif not self._pass_request(data):
                return
        self._say_goodbye(self.server)

    def replies(self) -> None:
        for data in chunks(self.server):
            if self._awaited:
                self._lose(data)
                self.reset()
                return
            if self.line.state in (State.HOLE, State.MUTE):
                self._lose(data)
            else:
                self.pass_on(self.client, data)
        self._say_goodbye(self.client)

    def _pass_request(self, data: bytes) -> bool:
        """False when the line was cut here."""
        self._look_for_traps(data)
        if self._left is not None:
            passing, self._left = data[: self._left], max(0, self._left - len(data))
            self.pass_on(self.server, passing)
            if not self._left:
                self._lose(data[len(passing) :])
                self._break_off()
                return False
            return True
        self.pass_on(self.server, data)
        return True

    def _look_for_traps(self, data: bytes) -> None:
        known = len(self._said)
        heard = self._said + data
        self._said = heard[-REMEMBERED:]
        if self._left is not None or self._awaited:
            return
        for trap in self.line.traps():
            found = next((one for one in trap.words.finditer(heard) if one.end() > known), None)
            if found and trap.spring():
                if trap.keep is None:
                    self._awaited = True
                else:
                    self._left = max(0, found.end() + trap.keep - known)
                return

    def pass_on(self, end: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):
            end.sendall(data)

    def _lose(self, data: bytes) -> None:
        self.lossy = True
        self.line.lose(len(data))

    def reset(self) -> None:
        """As a router does that knows nothing of it."""
        self._broken = True
        for end in (self.client, self.server):
            _reset(end)

    def _break_off(self) -> None:
        """The server gets what passed, and then the end; a reset would take that from it too."""
        self._broken = True
        _reset(self.client)
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_WR)

    def _say_goodbye(self, end: socket.socket) -> None:
        if not self._broken:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for end in (self.client, self.server):
            end.close()


def dial(place: Place) -> socket.socket:
    """A connection to an address, or to the path of a unix socket."""
    if isinstance(place, tuple):
        return socket.create_connection(place, timeout=5)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(place)
    except OSError:
        connection.close()
        raise
    return connection


def chunks(end: socket.socket) -> Iterator[bytes]:
    """What arrives, until the end of it."""
    with contextlib.suppress(OSError):
        end.settimeout(None)
        while data := end.recv(65536):
            yield data


def _reset(end: socket.socket) -> None:
    # Shut down first: a thread that reads from it would keep a socket that is only closed.
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
        end.shutdown(socket.SHUT_RD)
    end.close()
