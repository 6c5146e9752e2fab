"""Somebody who has a Job's page open: the live part as her browser asks for it, and the whole page, every second."""

import html
import re
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx2

from accelerator.benches import results
from accelerator.benches.browsing import Browser

EVERY = 1.0
LIVE = re.compile(r'id="live" hx-get="([^"]+)"')
# The live part answers 204 to who shows the newest picture.
FINE = {"page": {HTTPStatus.OK}, "live": {HTTPStatus.OK, HTTPStatus.NO_CONTENT}}
# What a page may take longer in the second half of the time than in the first (95 of 100): so many times, and seconds.
# Fewer looks than this in a half tell nothing.
TIMES, MORE, LOOKS = 1.5, 0.1, 30


@dataclass
class Seen:
    """Of one kind of answer: seconds of each in order, how often each status, and what was no answer."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)

    def halves(self) -> tuple[float, float]:
        """95 of 100 took at most so long, in the first half and in the second."""
        middle = len(self.seconds) // 2
        first, second = self.seconds[:middle], self.seconds[middle:]
        return (results.percentile(first, 95), results.percentile(second, 95)) if first else (0.0, 0.0)

    def line(self) -> str:
        fifty, most = results.percentile(self.seconds, 50), max(self.seconds)
        percentiles = f"p50 {fifty:.3f} s, p95 {results.percentile(self.seconds, 95):.3f} s, max {most:.3f} s"
        statuses = ", ".join(f"{count:,} times {status}" for status, count in sorted(self.statuses.items()))
        return f"{percentiles}; p95 of the halves {' and '.join(f'{p:.3f} s' for p in self.halves())}; {statuses}"


class Reader:
    """Reads in a thread of her own between `start` and `stop`."""

    def __init__(self, browser: Browser, job: uuid.UUID) -> None:
        self.browser, self.path = browser, f"/jobs/{job}/"
        self.seen = {kind: Seen() for kind in FINE}
        self._live = self.path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self, kind: str) -> None:
        """Once; whatever comes is written down."""
        path, headers = (self._live, {"HX-Request": "true"}) if kind == "live" else (self.path, {})
        seen, began = self.seen[kind], time.monotonic()
        try:
            answer = self.browser.http.get(path, headers=headers)
        except httpx2.HTTPError as error:
            seen.troubles.append(type(error).__name__)
            return
        seen.seconds.append(time.monotonic() - began)
        seen.statuses[answer.status_code] += 1
        if answer.status_code not in FINE[kind]:
            seen.troubles.append(f"{answer.status_code}")
        if found := LIVE.search(answer.text):
            self._live = html.unescape(found[1])

    def _run(self) -> None:
        while not self._over.is_set():
            for kind in ("live", "page"):
                self.look(kind)
            self._over.wait(EVERY)


def complaints(seen: dict[str, Seen]) -> list[str]:
    """Answers that were none, and a page that becomes slow."""
    told = []
    for kind, looks in seen.items():
        if not looks.seconds:
            told.append(f"the Job's page was never read ({kind})")
            continue
        if looks.troubles:
            told.append(
                f"the Job's page ({kind}) did not answer {len(looks.troubles)} times: {set(looks.troubles)}"
            )
        first, second = looks.halves()
        if len(looks.seconds) >= 2 * LOOKS and second > first * TIMES + MORE:
            told.append(
                f"the Job's page ({kind}) took {second:.3f} s in the second half, {first:.3f} s in the first"
            )
    return told
