"""Stops when a service gives no clear answer any more: each such answer leaves somebody Unknown for good."""

import time

from accelerator.cloud.replies import Result, Verdict

# Unclear answers in a row after which nobody more is begun; seconds until somebody is tried again, doubled each time.
DOUBTS = 3
REST, LONGEST = 5.0, 300.0


class Brake:
    """What one service did last, as this process saw it."""

    def __init__(self) -> None:
        self.doubts = 0
        self.careful = False  # one at a time, until there is a clear answer
        self._free_at = 0.0

    @property
    def closed(self) -> bool:
        return self.wait > 0

    @property
    def wait(self) -> float:
        """Seconds until somebody may be tried."""
        return self._free_at - time.monotonic()

    def note(self, result: Result) -> None:
        """What came of a call."""
        if result.verdict is Verdict.UNKNOWN:
            self.doubts += 1
            self.careful = True
            if self.doubts >= DOUBTS:
                self._free_at = time.monotonic() + min(LONGEST, REST * 2 ** min(self.doubts - DOUBTS, 10))
        elif result.verdict is Verdict.AWAY:
            self.careful = True
        elif result.verdict in (Verdict.DELIVERED, Verdict.BOUNCED, Verdict.REFUSED):
            self.doubts, self.careful, self._free_at = 0, False, 0.0
