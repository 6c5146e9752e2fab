"""When a request begins to leave; that it is made once; and that one which was called off is never made."""

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from accelerator.cloud.services import requesting
from accelerator.cloud.services.requesting import Call

BODY = b"x" * 200_000


class Counter:
    """A server that counts requests, and answers, or hangs up, as it is told."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        for answer in self.answers:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                self.requests.append(line.recv(65_536))
                line.sendall(answer)

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@pytest.fixture
def call() -> Iterator[Call]:
    found = requesting.current.call = Call()
    yield found
    requesting.current.call = None


def post(url: str, body: bytes = b"x") -> requests.Response:
    with requesting.strict(requests.Session()) as session:
        return session.post(url, data=body, timeout=5)


def test_a_request_that_is_cut_is_made_once(call: Call) -> None:
    server = Counter(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(requests.ConnectionError):
        post(server.url)
    server.stop()
    assert len(server.requests) == 1
    assert call.begun


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 503])
def test_nothing_is_repeated_whatever_the_answer_asks_for(call: Call, status: int) -> None:
    answer = b"HTTP/1.1 %d Again\r\nLocation: /\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server = Counter(answer % status, answer % status)
    assert post(server.url).status_code == status
    server.stop()
    assert len(server.requests) == 1


def test_a_connection_that_is_refused_has_begun_nothing(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    with pytest.raises(requests.ConnectionError):
        post(url)
    assert not call.begun


def test_a_handshake_of_tls_that_fails_has_begun_nothing(call: Call) -> None:
    server = Counter(b"220 a mail server\r\n")
    with pytest.raises(requests.exceptions.SSLError):
        post(server.url.replace("http:", "https:"))
    server.stop()
    assert not call.begun


def test_a_proxy_that_lets_nobody_through_has_begun_nothing(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is told first, the service's name, is no message."""
    server = Counter(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("https_proxy", server.url)
    with pytest.raises(requests.exceptions.ProxyError):
        post("https://service.example/")
    server.stop()
    assert server.requests[0].startswith(b"CONNECT service.example:443")
    assert not call.begun


def test_one_that_was_called_off_never_leaves(call: Call) -> None:
    server = Counter(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert call.call_off()
    with pytest.raises(requests.ConnectionError):
        post(server.url)
    server.stop()
    assert server.requests in ([], [b""])
    assert not call.begun


def test_one_that_has_begun_cannot_be_called_off(call: Call) -> None:
    server = Counter(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    post(server.url)
    server.stop()
    assert call.begun
    assert not call.call_off()


def test_whose_answer_nobody_waits_for_ends_at_once(call: Call) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    failed: list[BaseException] = []

    def wait() -> None:
        requesting.current.call = call
        try:
            post(f"http://127.0.0.1:{silent.getsockname()[1]}/", BODY)
        except requests.RequestException as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    line, _ = silent.accept()
    assert line.recv(1)
    call.give_up()
    thread.join(4)
    assert failed
    line.close()
    silent.close()
