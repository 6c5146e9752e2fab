"""Hands messages over on several lines at once, from one thread: whoever's server answers goes on."""

import selectors
import time
from collections.abc import Callable, Sequence
from typing import cast

from accelerator.cloud.replies import Result
from accelerator.cloud.smtp.line import Line, Message, Source

# Seconds of the longest wait between two pulses; and how long what is in a hurry waits for what has no dot yet.
PULSE = 1.0
HURRY = 1.0

READ, BOTH = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE


Take = Callable[[Message, Result, Line], object]


def post(
    lines: Sequence[Line],
    source: Source,
    take: Take,
    *,
    pulse: Callable[[], object] = lambda: None,
    hurried: Callable[[], bool] = lambda: False,
    fatal: type[Exception] | tuple[type[Exception], ...] = (),
) -> None:
    """Send what `source` gives, until it gives nothing more and the server has answered for all that was begun.

    `take` is told what became of each. `pulse` is called every second or so while the server makes us wait; once we are
    `hurried`, what has no dot yet is called back soon. Of what these raise, the `fatal` ends everything at once; after
    anything else nothing more is begun, and what was begun is waited for.
    """
    _Posting(lines, source, take, pulse, hurried, fatal).run()


class _Posting:
    def __init__(
        self,
        lines: Sequence[Line],
        source: Source,
        take: Take,
        pulse: Callable[[], object],
        hurried: Callable[[], bool],
        fatal: type[Exception] | tuple[type[Exception], ...],
    ) -> None:
        self.lines = [line for line in lines if line.open]
        self.source, self.take, self.pulse, self.hurried, self.fatal = source, take, pulse, hurried, fatal
        self.failure: Exception | None = None
        self.begun = 0  # and not settled
        self.looked_at = time.monotonic()
        self.hurried_at = float("inf")
        self.watched: dict[Line, int] = {}

    def run(self) -> None:
        with selectors.DefaultSelector() as self.selector:
            for line in self.lines:
                self.watch(line)
            while self.begin():
                for key, _ in self.selector.select(PULSE):
                    self.move(cast("Line", key.fileobj))
                if time.monotonic() > self.looked_at + PULSE:
                    self.look()
        if self.failure is not None:
            raise self.failure
        if self.begun:
            raise RuntimeError(f"{self.begun} messages were begun and have no outcome")

    def begin(self) -> bool:
        """Put messages on idle lines, as long as there are some; False if nothing is on any."""
        for line in self.lines:
            while line.open and not line.busy and (message := self.next()) is not None:
                try:
                    line.begin(message)
                except Exception as error:  # noqa: BLE001  raised in the end
                    self.fail(error)
                self.settle(line)
        return any(line.busy for line in self.lines)

    def next(self) -> Message | None:
        message = None
        try:
            message = self.source() if self.failure is None else None
        except Exception as error:  # noqa: BLE001  raised in the end
            self.fail(error)
        self.begun += message is not None
        return message

    def move(self, line: Line) -> None:
        more = True
        while more:
            try:
                line.proceed(self.next)
            except Exception as error:  # noqa: BLE001  raised in the end
                self.fail(error)
            more = line.more
            self.settle(line)

    def settle(self, line: Line) -> None:
        """Tell what became of messages, and mind what the line waits for."""
        settled, line.settled = line.settled, []
        self.begun -= len(settled)
        for message, result in settled:
            try:
                self.take(message, result, line)
            except Exception as error:  # noqa: BLE001  raised in the end
                self.fail(error)
        self.watch(line)

    def watch(self, line: Line) -> None:
        events = (BOTH if line.full else READ) if line.open else 0
        before = self.watched.get(line, 0)
        if events == before:
            return
        self.watched[line] = events
        if not before:
            self.selector.register(line, events)
        elif not events:
            self.selector.unregister(line)
        else:
            self.selector.modify(line, events)

    def look(self) -> None:
        """Now and then: who waits for too long."""
        self.looked_at = now = time.monotonic()
        try:
            self.pulse()
        except Exception as error:  # noqa: BLE001  raised in the end
            self.fail(error)
        hurried = self.failure is not None or self.hurried()
        self.hurried_at = min(self.hurried_at, now) if hurried else float("inf")
        for line in self.lines:
            if line.busy and now > line.deadline:
                line.expire()
            elif line.busy and now > self.hurried_at + HURRY and not line.beyond_recall:
                line.recall()
            self.settle(line)

    def fail(self, error: Exception) -> None:
        if isinstance(error, self.fatal):
            raise error
        self.failure = self.failure or error
