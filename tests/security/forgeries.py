"""A signed request as somebody on the line has seen it, and whatever he may make of it."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from accelerator import protocol
from accelerator.protocol import HEADER_KEY, HEADER_NONCE, HEADER_SIGNATURE, HEADER_TIME
from tests.contract.caller import Caller

PATH = "/v1/suppressions"
SIGNED = (HEADER_KEY, HEADER_TIME, HEADER_NONCE, HEADER_SIGNATURE)
Headers = list[tuple[str, bytes]]


@dataclass
class Captured:
    """A signed request that would put one address on the suppression list, as somebody on the line has seen it."""

    cloud: Caller
    host: tuple[str, int]
    address: str
    body: bytes
    headers: Headers
    method: str = "POST"
    path: str = PATH

    def send(
        self, *, body: bytes | None = None, headers: Headers | None = None, length: int | None = None
    ) -> int:
        """The status of the answer; 0 if the line was cut without one."""
        body, headers = self.body if body is None else body, self.headers if headers is None else headers
        head = [f"{self.method} {self.path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close"]
        if not any(name == "Transfer-Encoding" for name, _ in headers):
            head.append(b"Content-Length: %d" % (len(body) if length is None else length))
        head += [name.encode() + b": " + value for name, value in headers]
        missing = length is not None and length > len(body)
        return exchange(self.host, b"\r\n".join(head) + b"\r\n\r\n" + body, cut=missing)

    def swapped(self, name: str, value: bytes) -> Headers:
        """The headers with another value of one of them."""
        return [(one, value if one == name else old) for one, old in self.headers]

    def happened(self) -> bool:
        """Whether the address is on the list."""
        found = self.cloud.call("POST", f"{PATH}/search", {"addresses": [self.address]})
        assert found.status_code == 200
        return bool(found.json()["suppressions"])


def exchange(host: tuple[str, int], data: bytes, *, cut: bool) -> int:
    with socket.create_connection(host, timeout=20) as line:
        try:
            line.sendall(data)
            if cut:
                line.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        except ConnectionError:  # it was told enough
            return 0
    return int(answer.split(b" ", 2)[1]) if answer else 0


def signed(cloud: Caller, method: str, path: str, body: bytes, **how: int) -> Headers:
    headers = cloud.sign(method, path, body, **how)
    return [(name, value.encode()) for name, value in headers.items()]


# --- what is altered ------------------------------------------------------------------------------------

Alter = Callable[[Captured], int]


def _path(path: str) -> Alter:
    def alter(request: Captured) -> int:
        request.path = path
        return request.send()

    return alter


def _method(method: str) -> Alter:
    def alter(request: Captured) -> int:
        request.method = method
        return request.send()

    return alter


def _body(change: Callable[[bytes], bytes]) -> Alter:
    return lambda request: request.send(body=change(request.body))


def _cut(request: Captured) -> int:
    """The line breaks in the middle of the body."""
    return request.send(body=request.body[:-7], length=len(request.body))


def _cut_short(request: Captured) -> int:
    return request.send(length=len(request.body) - 7)


def _chunked(request: Captured) -> int:
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(request.body) - 7, request.body[:-7])
    return request.send(body=body, headers=[*request.headers, ("Transfer-Encoding", b"chunked")])


def _two_lengths(request: Captured) -> int:
    return request.send(headers=[*request.headers, ("Content-Length", b"7")])


def _header(name: str, value: bytes) -> Alter:
    return lambda request: request.send(headers=request.swapped(name, value))


def _without(name: str) -> Alter:
    return lambda request: request.send(headers=[one for one in request.headers if one[0] != name])


def _doubled(name: str, *, first: bool) -> Alter:
    def alter(request: Captured) -> int:
        other = (name, b"1")
        return request.send(headers=[other, *request.headers] if first else [*request.headers, other])

    return alter


def _signed_by(key_id: str = "", secret: str = "") -> Alter:
    def alter(request: Captured) -> int:
        ours = request.cloud.key
        stranger = Caller(request.cloud.client, protocol.Key(key_id or ours.id, secret or ours.secret))
        return request.send(headers=signed(stranger, "POST", PATH, request.body))

    return alter


def _signed_at(off: int) -> Alter:
    def alter(request: Captured) -> int:
        return request.send(
            headers=signed(request.cloud, "POST", PATH, request.body, at=int(time.time()) + off)
        )

    return alter


LIMIT = protocol.CLOCK_TOLERANCE
VALUES = {
    "empty": b"",
    "of 8 kB": b"x" * 8_000,
    "of 100 kB": b"x" * 100_000,
    "of 1 MB": b"x" * 1_000_000,
    "not ASCII": "é".encode(),
    "no text": b"\xff\xfe",
    "with a NUL": b"a\0b",
    "with a line break": b"a\rb",
    "a number": b"1e9",
    "SQL": b"' OR 1=1 --",
}

ALTERED: dict[str, Alter] = {
    "by an unknown key": _signed_by(key_id="nobody"),
    "by a key whose id is a list": _signed_by(key_id="contract,second"),
    "with a wrong secret": _signed_by(secret="wrong"),
    "with the id as the secret": _signed_by(secret="contract"),
    "with a secret that begins like ours": _signed_by(secret="a" * 39),
    "to another path": _path("/v1/complaints"),
    "to a path below": _path(f"{PATH}/search"),
    "to the path in other letters": _path("/v1/Suppressions"),
    "to the path with a slash": _path(f"{PATH}/"),
    "to the path with dots": _path("/v1/x/../suppressions"),
    "with a query": _path(f"{PATH}?after=0"),
    "with a query in the path": _path(f"{PATH}%3Fafter=0"),
    "by DELETE": _method("DELETE"),
    "by GET": _method("GET"),
    "with another body": _body(lambda body: body.replace(b"nowhere", b"nobody_")),
    "with the body in other spaces": _body(lambda body: body.replace(b": ", b":")),
    "with more behind the body": _body(lambda body: body + b" "),
    "without a body": _body(lambda _: b""),
    "cut in the middle": _cut,
    "with a shorter length": _cut_short,
    "in chunks, one of them missing": _chunked,
    "with two lengths": _two_lengths,
    "just too old": _signed_at(-LIMIT - 30),
    "a day old": _signed_at(-86_400),
    "40 days old": _signed_at(-40 * 86_400),
    "just too early": _signed_at(LIMIT + 30),
    "40 days early": _signed_at(40 * 86_400),
    "before the epoch": _signed_at(-(2**33)),
    "at the end of time": _signed_at(2**63),
    **{f"without {name}": _without(name) for name in SIGNED},
    **{f"with {name} twice, ours last": _doubled(name, first=True) for name in SIGNED},
    **{f"with {name} twice, ours first": _doubled(name, first=False) for name in SIGNED},
    **{f"with {name} {what}": _header(name, value) for name in SIGNED for what, value in VALUES.items()},
}
