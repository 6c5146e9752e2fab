"""The demo world's visits to links over HTTP: one request or two, over kept connections, following no redirect."""

import http.client
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from accelerator.demo.receiver.acting import Deed, Way
from accelerator.demo.receiver.links import origin

# To connect, and for each piece of the answer.
TIMEOUT_SECONDS = 30.0
# A connection that rested longer may have been closed by the other side.
REST_SECONDS = 4.0
ANSWER_LIMIT = 1_000_000

ONE_CLICK = b"List-Unsubscribe=One-Click"


class Unanswered(Exception):
    """There was no answer, or not a useful one: nobody listens, the line was cut."""


class Visitor:
    """Visits one link at a time. What a click's redirect leads to does not exist in this world."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[http.client.HTTPConnection, float]] = {}

    def visit(self, deed: Deed) -> int:
        """The status of the (last) answer. Raises Unanswered."""
        if deed.way is Way.FORM:
            return self._fill_in(deed)
        if deed.way is Way.ONE_CLICK:
            return self._ask("POST", deed.url, deed.agent, ONE_CLICK)[0]
        return self._ask("HEAD" if deed.way is Way.HEAD else "GET", deed.url, deed.agent)[0]

    def _fill_in(self, deed: Deed) -> int:
        """GET the page, press the button of its form."""
        status, page = self._ask("GET", deed.url, deed.agent)
        if not is_success(status):
            return status
        try:
            form = _Form(page)
            target = urljoin(deed.url, form.action)
            useful = form.method == "post" and origin(target) == origin(deed.url)
        except (ValueError, AssertionError):
            useful = False  # an action that is no address; HTML that the parser gives up on
        if not useful:
            raise Unanswered("the page to unsubscribe at has no form")
        return self._ask("POST", target, deed.agent, urlencode(form.fields).encode())[0]

    def _ask(self, method: str, url: str, agent: str, body: bytes | None = None) -> tuple[int, str]:
        headers = {"User-Agent": agent}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        place, path = origin(url), urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl()
        connection = self._connection(place)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            page = response.read(ANSWER_LIMIT)
            if response.isclosed():
                self._kept[place] = (connection, time.monotonic())
            else:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise Unanswered(str(error) or type(error).__name__) from error
        return response.status, page.decode("utf-8", "replace")

    def _connection(self, place: str) -> http.client.HTTPConnection:
        kept, rests_since = self._kept.pop(place, (None, 0.0))
        if kept and time.monotonic() - rests_since < REST_SECONDS:
            return kept
        if kept:
            kept.close()
        parts = urlsplit(place)
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return connect(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        for connection, _ in self._kept.values():
            connection.close()
        self._kept.clear()


def is_success(status: int) -> bool:
    return 200 <= status < 400


class _Form(HTMLParser):
    """The first form of a page, as pressing its button sends it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.method, self.action = "", ""
        self.fields: list[tuple[str, str]] = []
        self._inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: Mapping[str, str] = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.method:
            self._inside = True
            self.method, self.action = given.get("method", "get").lower(), given.get("action", "")
        elif tag in ("input", "button") and self._inside and given.get("name"):
            self.fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
