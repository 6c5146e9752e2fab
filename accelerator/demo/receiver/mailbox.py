"""The latest messages in full, for the inbox page: bounded, and kept over a restart in an SQLite file."""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# How many messages of each sort (campaign, notification) are kept in full.
KEPT = 1_000

# Of a campaign's messages the first BURST are kept, then PER_SECOND: what somebody is looking at must not be gone
# in the blink of an eye, and keeping everything would cost more than receiving it.
BURST, PER_SECOND = 500, 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    notification INTEGER NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS letters_by_sort ON letters (notification, id);
"""


@dataclass(frozen=True)
class Letter:
    """One message as one recipient got it: when (seconds since the epoch), the envelope, and its bytes.

    `notification`: it has no List-Unsubscribe header, so it was not sent by a campaign.
    """

    at: float
    sender: str
    recipient: str
    notification: bool
    raw: bytes
    id: int = 0


class Mailbox:
    """Letters wait in memory, never more than KEPT of a sort, until `flush` writes them.

    All notifications are kept, and all messages of a small job; of a large one a sample. With `everything` neither
    is true: whatever comes is kept for good.
    """

    def __init__(self, path: Path, *, everything: bool = False) -> None:
        self._path = path
        self._everything = everything
        length = None if everything else KEPT
        self._waiting: dict[bool, deque[Letter]] = {sort: deque(maxlen=length) for sort in (False, True)}
        self._allowance, self._allowed_at = float(BURST), 0.0
        self._flushing = threading.Lock()
        with self._connected() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)

    def keep(self, letter: Letter) -> None:
        """Keep the letter, if it is one to keep, until KEPT newer ones have come."""
        if self._everything or letter.notification or self._allowed(letter.at):
            self._waiting[letter.notification].append(letter)

    def _allowed(self, at: float) -> bool:
        """Take one from the allowance, which grows with time up to BURST."""
        grown = max(0.0, at - self._allowed_at) * PER_SECOND
        self._allowance, self._allowed_at = min(BURST, self._allowance + grown), at
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def flush(self) -> None:
        """Write what waits and drop what is too old. Safe to call from any thread."""
        with self._flushing:
            letters: list[Letter] = []
            for waiting in self._waiting.values():
                while waiting:
                    letters.append(waiting.popleft())
            if not letters:
                return
            letters.sort(key=lambda letter: letter.at)
            with self._connected() as db:
                db.executemany(
                    "INSERT INTO letters (at, sender, recipient, notification, raw) VALUES (?, ?, ?, ?, ?)",
                    [(each.at, each.sender, each.recipient, each.notification, each.raw) for each in letters],
                )
                for sort in () if self._everything else (False, True):
                    db.execute(
                        "DELETE FROM letters WHERE notification = ? AND id <= (SELECT id FROM letters"
                        " WHERE notification = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                        (sort, sort, KEPT),
                    )

    def latest(
        self, *, query: str = "", notifications: bool = False, before: int | None = None, limit: int = 50
    ) -> list[Letter]:
        """The latest letters, newest first, whose recipient contains `query`, before that id."""
        where, values = ["instr(lower(recipient), lower(?)) > 0"], [query.strip()]
        if notifications:
            where.append("notification")
        if before is not None:
            where.append(f"id < {before:d}")
        with self._connected() as db:
            rows = db.execute(
                "SELECT at, sender, recipient, notification, raw, id FROM letters"  # noqa: S608  values are bound
                f" WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT {limit:d}",
                values,
            ).fetchall()
        return [_letter(row) for row in rows]

    def letter(self, number: int) -> Letter | None:
        """The letter of that id; None when it is no longer kept."""
        with self._connected() as db:
            row = db.execute(
                "SELECT at, sender, recipient, notification, raw, id FROM letters WHERE id = ?", (number,)
            ).fetchone()
        return _letter(row) if row else None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for one act: threads of the pages and of the flush come and go."""
        db = sqlite3.connect(self._path, timeout=10)
        try:
            # What matters is in the logs; the inbox may lose its last second to a power cut.
            db.execute("PRAGMA synchronous = OFF")
            db.execute("PRAGMA journal_size_limit = 16000000")
            with db:
                yield db
        finally:
            db.close()


def _letter(row: tuple[float, str, str, int, bytes, int]) -> Letter:
    at, sender, recipient, notification, raw, number = row
    return Letter(at, sender, recipient, bool(notification), raw, number)
