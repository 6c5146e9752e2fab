"""The line between two parts: what passes, what is lost, and that whoever was cut knows it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.lines import Line, State


class Echo:
    """A server that hears lines and says each again, in capitals."""

    def __init__(self) -> None:
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place: tuple[str, int] = ("127.0.0.1", self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run)
        self._talks: list[threading.Thread] = []
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for talk in self._talks:
            talk.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._talks.append(threading.Thread(target=self._talk, args=[connection]))
            self._talks[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(1000):
                self.heard += data
                connection.sendall(data.upper())


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def line(echo: Echo) -> Iterator[Line]:
    line = Line(echo.place)
    yield line
    line.close()


@pytest.fixture
def client(line: Line) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", line.port), timeout=10) as client:
        yield client


def ask(client: socket.socket, what: bytes) -> bytes:
    client.sendall(what)
    return client.recv(1000)


def silent(client: socket.socket, for_seconds: float = 0.3) -> bool:
    client.settimeout(for_seconds)
    try:
        return client.recv(1000) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)


def until(line: Line, lost: int) -> None:
    deadline = time.monotonic() + 10
    while line.lost < lost and time.monotonic() < deadline:
        time.sleep(0.01)
    assert line.lost == lost


def arrives(echo: Echo, words: bytes) -> bool:
    """What was passed on is on its way still when the client is reset."""
    deadline = time.monotonic() + 10
    while len(echo.heard) < len(words) and time.monotonic() < deadline:
        time.sleep(0.01)
    return echo.heard == words


def test_everything_passes(client: socket.socket, echo: Echo) -> None:
    assert ask(client, b"one") == b"ONE"
    assert ask(client, b"two") == b"TWO"
    assert echo.heard == b"onetwo"


def test_a_goodbye_passes_too(client: socket.socket) -> None:
    client.sendall(b"bye")
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1000) == b"BYE"
    assert client.recv(1000) == b""


def test_a_line_that_leads_nowhere_yet_resets_whoever_comes() -> None:
    line = Line()
    with (
        contextlib.closing(line),
        socket.create_connection(("127.0.0.1", line.port)) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.recv(1)


def test_a_line_that_goes_down_resets_who_is_there_and_who_comes(line: Line, client: socket.socket) -> None:
    assert ask(client, b"one") == b"ONE"
    line.set(State.DOWN)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with (
        socket.create_connection(("127.0.0.1", line.port)) as other,
        pytest.raises(ConnectionResetError),
    ):
        other.recv(1)


def test_a_hole_takes_everything_and_gives_nothing(line: Line, client: socket.socket, echo: Echo) -> None:
    with line.cut(State.HOLE):
        client.sendall(b"one")
        until(line, lost=3)
        assert silent(client)
        assert echo.heard == b""


def test_a_deaf_line_loses_requests(line: Line, client: socket.socket, echo: Echo) -> None:
    with line.cut(State.DEAF):
        client.sendall(b"one")
        until(line, lost=3)
    assert echo.heard == b""


def test_a_mute_line_loses_replies_only(line: Line, client: socket.socket, echo: Echo) -> None:
    with line.cut(State.MUTE):
        client.sendall(b"one")
        until(line, lost=3)
        assert silent(client)
    assert echo.heard == b"one"


@pytest.mark.parametrize("state", [State.HOLE, State.DEAF, State.MUTE])
def test_a_connection_that_lost_something_does_not_outlive_the_cut(
    line: Line, client: socket.socket, state: State
) -> None:
    with line.cut(state):
        client.sendall(b"one")
        until(line, lost=3)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with socket.create_connection(("127.0.0.1", line.port)) as other:
        assert ask(other, b"two") == b"TWO"


def test_a_connection_that_lost_nothing_outlives_the_cut(line: Line, client: socket.socket) -> None:
    with line.cut(State.HOLE):
        pass
    assert ask(client, b"one") == b"ONE"


def test_a_trap_loses_the_reply_to_certain_words(line: Line, client: socket.socket, echo: Echo) -> None:
    trap = line.trap(rb"PUT /two")
    assert ask(client, b"GET /two") == b"GET /TWO"
    client.sendall(b"PUT /")
    assert client.recv(1000) == b"PUT /"
    client.sendall(b"two")
    with pytest.raises(ConnectionResetError):
        client.recv(1000)
    assert arrives(echo, b"GET /twoPUT /two")
    assert trap.sprung == 1


def test_a_trap_cuts_in_the_middle_of_what_follows_the_words(
    line: Line, client: socket.socket, echo: Echo
) -> None:
    trap = line.trap(rb"\r\n\.\r\n", keep=-3)
    assert ask(client, b"text\r") == b"TEXT\r"
    with pytest.raises(ConnectionResetError):
        # The words are there with the last of these bytes, so that what stood before has passed.
        [ask(client, piece) for piece in (b"\n", b".\r\n")]
    assert arrives(echo, b"text\r\n")
    assert trap.sprung == 1


def test_a_trap_lets_pass_what_it_was_told(line: Line, client: socket.socket, echo: Echo) -> None:
    trap = line.trap(rb"PUT .*\r\n\r\n", keep=2)
    assert ask(client, b"PUT /\r\n\r\n") == b"PUT /\r\n\r\n"
    client.sendall(b"body")
    with pytest.raises(ConnectionResetError):
        [client.recv(1000) for _ in range(2)]
    assert arrives(echo, b"PUT /\r\n\r\nbo")
    assert trap.sprung == 1


def test_a_trap_springs_as_often_as_it_was_told(line: Line, echo: Echo) -> None:
    trap = line.trap(rb"x", times=2)
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", line.port)) as client,
            pytest.raises(ConnectionResetError),
        ):
            ask(client, b"x")
    with socket.create_connection(("127.0.0.1", line.port)) as client:
        assert ask(client, b"x") == b"X"
    assert trap.sprung == 2
    assert line.traps() == []
