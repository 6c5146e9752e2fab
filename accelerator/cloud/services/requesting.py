"""One HTTP request to a service: never repeated, and afterwards it is known whether any of it may have left us.

requests and urllib3 can repeat a request in three ways, and all are shut here: retries of the adapter (none by default;
said again), redirections (a 307 or 308 is answered by the same POST elsewhere), and reconnecting, which happens before
the first byte only.
"""

import contextlib
import socket
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection

NEVER_AGAIN = Retry(
    total=0, connect=0, read=False, redirect=0, status=0, other=0, respect_retry_after_header=False
)


class Call:
    """A message on its way. Until its request begins to leave it can be called off, and then it never does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._called_off = False
        self._connection: HTTPConnection | None = None
        self.begun = False  # the service may have read something of it

    def begin(self, connection: HTTPConnection) -> None:
        """The next byte belongs to the request. Raises ConnectionAbortedError for one that was called off."""
        with self._lock:
            if self._called_off:
                raise ConnectionAbortedError("called off")
            self.begun, self._connection = True, connection

    def call_off(self) -> bool:
        """Whether nothing of it has left us, and nothing will."""
        with self._lock:
            self._called_off = not self.begun
            return self._called_off

    def give_up(self) -> None:
        """Nobody waits for the answer any more: what still leaves, or still comes, ends here."""
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    call: Call | None = None


# The call that this thread is at.
current = _Current()


class _Noting:
    """A connection that says when a request begins to leave: behind its set-up, which may fail as often as it likes.

    A proxy's tunnel and the handshake of TLS belong to the set-up: the service has heard of no message then.
    """

    _setting_up = False

    def connect(self) -> None:
        self._setting_up = True
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self._setting_up = False

    def send(self, data: Any) -> None:
        if self.sock is None and not self._setting_up:  # type: ignore[attr-defined]
            self.connect()
        if current.call is not None and not self._setting_up:
            current.call.begin(self)  # type: ignore[arg-type]
        super().send(data)  # type: ignore[misc]


class _Plain(_Noting, HTTPConnection):
    pass


class _Secure(_Noting, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


POOLS = {"http": _PlainPool, "https": _SecurePool}


class Adapter(HTTPAdapter):
    """One connection, no retries, by connections that say when a request begins."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=NEVER_AGAIN)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


def strict(session: requests.Session) -> requests.Session:
    """The session, held to one request a call."""
    session.adapters.clear()
    session.mount("https://", Adapter())
    session.mount("http://", Adapter())
    # A redirection is an answer like any other, and what it means is for `outcomes` to say.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # noqa: ARG005
    return session
