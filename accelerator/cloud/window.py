"""How many intents are committed at once: as many as go out in a moment, so that a death leaves few unknown."""

import time

# Seconds of sending that a window should last, and after which the rest of it is taken back; its bounds.
AIM = 0.4
LIMIT = 2.0
FIRST, MOST = 10, 200
# Messages of a window for which a line more is worth its set-up.
PER_LINE = 20


class Window:
    """The size of the next window, by how long the last one took."""

    def __init__(self) -> None:
        self.size = FIRST
        self.begun_at = time.monotonic()

    def begin(self) -> None:
        self.begun_at = time.monotonic()

    def lines(self, most: int, left: int) -> int:
        """How many lines to the mail server the next one can use, with so many messages left."""
        return min(most, 1 + min(self.size, left) // PER_LINE)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begun_at

    @property
    def overdue(self) -> bool:
        return self.elapsed > LIMIT

    def end(self, sent: int) -> None:
        """So many were sent. The size at most doubles, so that one lucky window does not open too many."""
        if sent:
            fitting = int(AIM * sent / max(self.elapsed, 0.001))
            self.size = max(1, min(fitting, 2 * self.size, MOST))
