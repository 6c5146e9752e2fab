"""What stands before Django: it answers most hits of links, and lets everything else pass.

Millions of pixels are loaded within hours, and Django takes longer to come to a view than a hit takes to be kept. The
views are there all the same (`tracking`), and say what is wrong wherever something is.
"""

import threading
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any

from django.db import Error, connection

from accelerator.cloud import hits, links, machines, policy, tracking

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, Any], Iterable[bytes]]

# Asks no database, and whoever asks it wants to know whether somebody answers at all.
ALIVE = "/healthz"

# As the middleware has them for the views.
HEADERS = [
    ("Cache-Control", "max-age=0, no-cache, no-store, must-revalidate, private"),
    ("Content-Security-Policy", policy.NOTHING),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("X-Robots-Tag", "noindex"),
]


class Headers(dict[str, str]):
    """Those of a request, found by their names in any case."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # all that is asked for
        """One of them."""
        return super().get(f"HTTP_{name.upper().replace('-', '_')}", default)


class Front:
    """A WSGI application before another one, which answers `room` requests at once, while `waiting` others wait."""

    def __init__(self, application: Application, *, room: int, waiting: int) -> None:
        self._application = application
        # Whoever follows a link waits for a commit and needs nothing else; whoever asks Django needs a connection.
        self._room = threading.BoundedSemaphore(room)
        # And a thread of the server's: while the database says nothing there must be some left for links.
        self._inside = threading.BoundedSemaphore(room + waiting)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = _hit(environ)
        if answer is None:
            return self._pass_on(environ, start_response)
        length = ("Content-Length", str(len(answer.content)))
        status = f"{answer.status} {responses[answer.status]}"
        start_response(status, [*answer.headers.items(), length, *HEADERS])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.content]

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == ALIVE:
            return self._application(environ, start_response)
        if not self._inside.acquire(blocking=False):
            start_response(
                "503 Service Unavailable", [("Retry-After", "10"), ("Content-Length", "0"), *HEADERS]
            )
            return []
        try:
            with self._room:
                return self._application(environ, start_response)
        finally:
            self._inside.release()


def _hit(environ: Environ) -> tracking.Answer | None:
    """What to answer to a hit that is kept; None for everything else."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path[2:3] != "/" or path[1:2] not in tracking.KINDS or method not in ("GET", "HEAD"):
        return None
    machine = machines.is_machine(method, Headers(environ), environ.get("REMOTE_ADDR", ""))
    try:
        return tracking.follow(path[1:2], path[3:], machine=machine)
    except (links.TokenInvalid, hits.NotKept, Error):
        return None
    finally:
        if connection.connection is not None:
            connection.close()  # a key of links was looked for, and nobody else would give it back
