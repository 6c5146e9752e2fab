"""The wire between dashboard and Cloud: keeps every word that was said, loses and delays what a test wants lost."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import httpx2

from accelerator import protocol
from accelerator.protocol import EventPage


class Fault(StrEnum):
    """What the wire does to one request."""

    NONE = "none"
    LATE = "late"  # not delivered now; it may be, whenever a test says old words again
    REPLY_LOST = "reply lost"  # the Cloud hears it, the dashboard never knows


@dataclass(frozen=True)
class Word:
    """A request as it was said."""

    method: str
    path: str
    body: bytes
    kind: str


class Lane(threading.local):
    """What is in store for the thread that speaks: its next fault, and who is told of each request and answer."""

    fault: Fault = Fault.NONE
    skip: int = 0
    told: Callable[[str], None] | None = None


class Wire(httpx2.BaseTransport):
    """Between `jobs.client.CloudClient` and a real Cloud."""

    def __init__(self, key: protocol.Key) -> None:
        self.lane = Lane()
        self.words: list[Word] = []
        self.pages: list[tuple[str, EventPage]] = []  # with the path they were asked by
        self.mistakes: list[str] = []  # answers that no Cloud should give
        self._key = key
        self._beyond = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request of the dashboard's, by the thread's lane."""
        kind = request.headers.get("Content-Type", "")
        word = Word(request.method, request.url.raw_path.decode(), request.read(), kind)
        self.words.append(word)
        fault = self._fault()
        self._tell("request")
        if fault is Fault.LATE:
            raise httpx2.ConnectError("not now", request=request)
        response = self._heard(request)
        if word.path.partition("?")[0].endswith("/events") and response.status_code == 200:
            self.pages.append((word.path, EventPage.model_validate_json(response.content)))
        self._tell("answer")
        if fault is Fault.REPLY_LOST:
            raise httpx2.ReadError("the line was cut", request=request)
        return response

    def say_again(self, word: Word, base_url: str, at: int) -> int:
        """An old word, signed anew as whoever repeats one does; the Cloud's HTTP status."""
        request = httpx2.Request(
            word.method,
            f"{base_url}{word.path}",
            content=word.body,
            headers={"Content-Type": word.kind}
            | protocol.sign(self._key, word.method, word.path, word.body, at=at),
        )
        return self._heard(request).status_code

    def clear(self) -> None:
        """Nothing was ever said."""
        self.words, self.pages, self.mistakes = [], [], []

    def close(self) -> None:
        self._beyond.close()

    def _heard(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._beyond.handle_request(request)
        try:
            content = answer.read()
        finally:
            answer.close()
        if answer.status_code >= 500 or answer.status_code == 401:
            self.mistakes.append(f"{request.method} {request.url.path}: {answer.status_code}")
        headers = {"Content-Type": answer.headers.get("Content-Type", "")}
        return httpx2.Response(answer.status_code, content=content, headers=headers, request=request)

    def _fault(self) -> Fault:
        fault = self.lane.fault
        if fault is Fault.NONE:
            return fault
        if self.lane.skip:
            self.lane.skip -= 1
            return Fault.NONE
        self.lane.fault = Fault.NONE
        return fault

    def _tell(self, what: str) -> None:
        if self.lane.told is not None:
            self.lane.told(what)
