"""Calls a service on several lines at once, from the sender's thread, which alone decides and writes."""

import queue
import time
from collections.abc import Callable, Sequence

from accelerator.cloud.replies import Result, Verdict
from accelerator.cloud.services.braking import Brake
from accelerator.cloud.services.line import Line, Settled
from accelerator.cloud.services.outcomes import of_silence
from accelerator.cloud.smtp import Message

# Seconds: of the longest wait between two pulses; how long what is in a hurry waits for a connection.
PULSE = 1.0
HURRY = 1.0

Source = Callable[[], Message | None]
Take = Callable[[Message, Result, Line], object]


class Calling:
    """As `smtp.post`: what `source` gives is sent, until it gives nothing more and there is an outcome for all that was
    begun. Of an exception the `fatal` ends everything at once; after anything else nothing more is begun.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        brake: Brake,
        source: Source,
        take: Take,
        *,
        pulse: Callable[[], object],
        hurried: Callable[[], bool],
        fatal: type[Exception] | tuple[type[Exception], ...],
    ) -> None:
        self.lines, self.brake = list(lines), brake
        self.source, self.take, self.pulse, self.hurried, self.fatal = source, take, pulse, hurried, fatal
        self.settled: queue.SimpleQueue[Settled] = queue.SimpleQueue()
        self.failure: Exception | None = None
        self.looked_at = time.monotonic()
        self.hurried_at = float("inf")

    def run(self) -> None:
        while self.begin():
            found = self.wait()
            if found is not None:
                self.settle(*found)
            if time.monotonic() > self.looked_at + PULSE:
                self.look()
        if self.failure is not None:
            raise self.failure

    def begin(self) -> bool:
        """Put messages on idle lines, as long as there are some; False if nothing is on any."""
        for line in self.lines:
            if not line.busy and (message := self.next()) is not None:
                line.begin(message, self.settled)
        return any(line.busy for line in self.lines)

    def wait(self) -> Settled | None:
        try:
            return self.settled.get(timeout=PULSE)
        except queue.Empty:
            return None

    def next(self) -> Message | None:
        if self.failure is not None or self.brake.closed:
            return None
        try:
            return self.source()
        except Exception as error:  # noqa: BLE001  raised in the end
            self.fail(error)
            return None

    def settle(self, line: Line, call: object, found: Result | Exception) -> None:
        """Tell what became of a message."""
        if line.call is not call or not line.busy:
            return  # nobody waited for it any more, and what became of it was told
        if isinstance(found, Exception):
            # A mistake of ours, and nothing of the message has left: it goes back.
            self.fail(found)
            found = Result(Verdict.CUT, "", "not sent")
        self.brake.note(found)
        message = line.rest()
        try:
            self.take(message, found, line)
        except Exception as error:  # noqa: BLE001  raised in the end
            self.fail(error)

    def look(self) -> None:
        """Now and then: who waits for too long."""
        self.looked_at = now = time.monotonic()
        try:
            self.pulse()
        except Exception as error:  # noqa: BLE001  raised in the end
            self.fail(error)
        hurried = self.failure is not None or self.hurried()
        self.hurried_at = min(self.hurried_at, now) if hurried else float("inf")
        for line in tuple(self.lines):
            if line.busy and (now > line.deadline or now > self.hurried_at + HURRY):
                self.call_back(line, late=now > line.deadline)

    def call_back(self, line: Line, *, late: bool) -> None:
        """What has not begun to leave never will. What has is worth any wait but one without end."""
        if not line.call.call_off() and not late:
            return
        self.lines.remove(line)
        line.end()
        begun = line.call.begun
        self.settle(line, line.call, of_silence("no answer in time", begun=begun) if late else CALLED_BACK)

    def fail(self, error: Exception) -> None:
        if isinstance(error, self.fatal):
            raise error
        self.failure = self.failure or error


# As a line to the mail server that is called back before the dot.
CALLED_BACK = Result(Verdict.CUT, "", "called back")
