"""How often each recipient's message was accepted, and how often refused: a file that two processes have in memory.

Whoever counts does it before the reply is sent. What it has counted stays in the file when it is killed.
"""

import mmap
from pathlib import Path

# Totals at the beginning of the file, eight bytes each; then a byte a number for acceptances, and one for refusals.
TOTALS = ("accepted", "refused", "strangers", "connections", "octets")
ACCEPTED, REFUSED, STRANGERS, CONNECTIONS, OCTETS = range(len(TOTALS))
HEADER = 8 * len(TOTALS)
# A byte holds no more: whoever got so many got too many.
MOST = 255


class Counted:
    """The file of so many recipients, whose numbers begin at 1."""

    def __init__(self, path: Path, recipients: int) -> None:
        self.recipients = recipients
        size = HEADER + 2 * (recipients + 1)
        with path.open("a+b") as file:
            file.truncate(size)
            self._shared = mmap.mmap(file.fileno(), size)
        view = memoryview(self._shared)
        self.totals = view[:HEADER].cast("Q")
        self.accepted = view[HEADER : HEADER + recipients + 1]
        self.refused = view[HEADER + recipients + 1 :]

    def accept(self, number: int) -> None:
        self.totals[ACCEPTED] += 1
        if self.accepted[number] < MOST:
            self.accepted[number] += 1

    def refuse(self, number: int) -> None:
        self.totals[REFUSED] += 1
        if self.refused[number] < MOST:
            self.refused[number] += 1

    def close(self) -> None:
        for view in (self.totals, self.accepted, self.refused):
            view.release()
        self._shared.close()
