"""A Cloud that keeps to the contract, and says markup wherever it may say a text."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from accelerator import protocol
from tests.security.markup import MARKUP

AT = "2026-11-22T10:31:00+00:00"
COUNTS = protocol.Counts(transferred=2, delivered=1, bounced=1, attempted=2)
HOLD = protocol.Hold(code=MARKUP, reason=MARKUP, since=MARKUP)


def event(position: int, kind: str, **more: object) -> dict[str, object]:
    at = {"position": position, "kind": kind, "at": AT, "batch": 0, "record": position % 2}
    return at | {"recipient_id": MARKUP, "code": MARKUP, "category": MARKUP} | more


EVENTS = [
    event(1, "delivered"),
    event(2, "bounced", hard=True),
    event(3, "suppressed"),
    event(4, "click", link=0),
    event(5, "click", link=2**31 - 1),
    event(6, MARKUP),
    event(7, "unknown"),
    event(8, "render_errors"),
]


class HostileCloud(ThreadingHTTPServer):
    """Listens while the `with` lasts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "HostileCloud":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class Answers(BaseHTTPRequestHandler):
    """Takes whatever it is told."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(document(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Not."""


def document(path: str) -> dict[str, object]:
    path, _, query = path.partition("?")
    last = path.rpartition("/")[2]
    if last == "events":
        after = int(query.partition("after=")[2].partition("&")[0])
        return {"events": EVENTS[after:], "last": len(EVENTS)}
    if last == "recipients":
        words = {"recipient_id": MARKUP, "address": MARKUP, "code": MARKUP, "reply": MARKUP, "at": MARKUP}
        outcome = query.partition("outcome=")[2].partition("&")[0]
        return {"recipients": [words | {"outcome": outcome, "category": MARKUP}], "next": None}
    if path.startswith("/v1/suppressions"):
        return {
            "suppressions": [{"address": MARKUP, "reason": MARKUP, "at": MARKUP}],
            "next": None,
            "changed": 1,
        }
    if last == "health":
        return {"time": 0, "parts": [{"name": MARKUP, "ok": False, "sentence": MARKUP}]}
    status = protocol.MailingStatus(
        key=MARKUP,
        state=protocol.MailingState.RUNNING,
        request_id=MARKUP,
        seq=10**6,
        counts=COUNTS,
        held=HOLD,
        last_attempt_at=AT,
    )
    return status.model_dump(mode="json")
