"""Which ports we listen on, and whether they are free: asked before anything is started."""

import errno
import socket
import time
from dataclasses import dataclass

from accelerator.embedded import CannotStart

HIGHEST = 65535


class PortTaken(CannotStart):
    pass


@dataclass(frozen=True)
class Ports:
    """Four ports in a row; the first is the dashboard's."""

    web: int

    @property
    def cloud(self) -> int:
        return self.web + 1

    @property
    def inbox(self) -> int:
        return self.web + 2

    @property
    def smtp(self) -> int:
        return self.web + 3


def chosen(text: str) -> Ports:
    """From PORT as a person wrote it."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= HIGHEST - 3:
        raise PortTaken(f'PORT is "{text}"; it must be a number from 1 to {HIGHEST - 3}, for example 8000.')
    return Ports(int(text))


def check(host: str, ports: Ports, *, wait: float = 3.0) -> None:
    """PortTaken unless all four are free; a port whose owner is just ending is waited for."""
    wanted = [(host, ports.web, "the dashboard"), ("127.0.0.1", ports.cloud, "the Cloud")]
    wanted += [
        ("127.0.0.1", ports.inbox, "the demo inbox"),
        ("127.0.0.1", ports.smtp, "the demo mail receiver"),
    ]
    deadline = time.monotonic() + wait
    for address, port, purpose in wanted:
        while error := refusal(address, port):
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise PortTaken(explain(error, address, port, purpose, ports)) from error


def refusal(host: str, port: int) -> OSError | None:
    """Why nobody can listen there now; None when it is free."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        return error
    return None


def explain(error: OSError, host: str, port: int, purpose: str, ports: Ports) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f'HOST is "{host}", which is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all.'
    if error.errno == errno.EADDRINUSE:
        what = f"Port {port}, needed for {purpose}, is used by another program."
        return f"{what} Stop that program, or choose other ports: PORT={free_near(host, ports)} make run"
    what = f"Port {port}, needed for {purpose}, cannot be used: {(error.strerror or str(error)).lower()}."
    return f"{what} Choose other ports: PORT=8000 make run"


def free_near(host: str, ports: Ports) -> int:
    """The first of four free ports in a row, ten apart from the chosen ones."""
    for first in range(ports.web + 10, min(ports.web + 1000, HIGHEST - 3), 10):
        row = [(host, first)] + [("127.0.0.1", first + i) for i in (1, 2, 3)]
        if not any(refusal(address, port) for address, port in row):
            return first
    return ports.web + 1000 if ports.web + 1003 <= HIGHEST else 8000
