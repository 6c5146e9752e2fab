"""The people and machines of the demo world at work: carries out, over the following minutes, what acting.py decides.

Late rather than never, in the order in which it is due, and never faster than RATE: this shares a machine with the
senders. What waits is held in memory; when the receiver is killed it is lost, as people sometimes never come back to
their mail. A deed is in the ledger once it was answered with success. A lost answer is asked for again, as browsers
do, so where a Cloud died in the middle of one it may have counted more than the ledger says.
"""

import heapq
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import urlsplit

from accelerator.demo.receiver import acting, links
from accelerator.demo.receiver.acting import Deed
from accelerator.demo.receiver.journal import Journal
from accelerator.demo.receiver.visiting import Unanswered, Visitor, is_success

# Deeds a second. Two at a time, because the Cloud has other things to do as well.
RATE = 100.0
WORKERS = 2
# Deeds that wait; beyond that people leave their mail unread.
WAITING_LIMIT = 100_000
# Seconds until a deed is tried again that nobody answered, or with an error that will pass; then it is given up.
RETRY_DELAYS = (1, 2, 5, 10, 30, 60, 120, 300)
PASSING = frozenset({408, 425, 429})
# Seconds that a deed which is just being done is waited for at the end.
STOP_SECONDS = 0.3

LINK_LENGTH = 64


class Errand(NamedTuple):
    """A deed that waits: until when (monotonic), in which place among the same, whose, and how often it was tried."""

    due: float
    number: int
    recipient: str
    message_id: str
    deed: Deed
    tries: int = 0


class Readers:
    """`minutes` is how long people act after a message came, `tracking_origin` where else than here they may go."""

    def __init__(
        self, journal: Journal, *, minutes: float, tracking_origin: str = "", rate: float = RATE
    ) -> None:
        self._journal = journal
        self._horizon = minutes * 60
        self._origin = tracking_origin
        self._pause = 1 / rate
        self._waiting: list[Errand] = []
        self._numbers = 0
        self._next = 0.0
        self._over = self._closed = False
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._said: set[str] = set()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def receive(self, recipients: Sequence[str], message_id: str, header: bytes, message: bytes) -> None:
        """A message was accepted. Costs microseconds where nobody acts."""
        find = cache(partial(links.find, header, message, self._origin))
        for recipient in recipients:
            deeds = acting.deeds(recipient, message_id, find, self._horizon)
            if deeds:
                self._expect(recipient, message_id, deeds)

    def stop(self) -> None:
        """End soon: what is just being done may still be written down, the rest is left."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._writing:
            self._closed = True

    # --- what waits -------------------------------------------------------------------------------------

    def _expect(self, recipient: str, message_id: str, deeds: list[Deed]) -> None:
        now = time.monotonic()
        with self._changed:
            if len(self._waiting) + len(deeds) > WAITING_LIMIT:
                self._say("There is more mail than people can read: some of it stays unread.")
                return
            for deed in deeds:
                self._numbers += 1
                errand = Errand(now + deed.after, self._numbers, recipient, message_id, deed)
                heapq.heappush(self._waiting, errand)
                if self._waiting[0] is errand:
                    self._changed.notify()

    def _try_again(self, errand: Errand, why: str) -> None:
        if errand.tries < len(RETRY_DELAYS):
            due = time.monotonic() + RETRY_DELAYS[errand.tries]
            with self._changed:
                heapq.heappush(self._waiting, errand._replace(due=due, tries=errand.tries + 1))
                self._changed.notify()
        else:
            self._say(f"Links in mails are given up: {why}")

    def _take(self) -> Errand | None:
        """The next one that is due, not sooner than the rate allows; None at the end."""
        with self._changed:
            while not self._over:
                now = time.monotonic()
                begin = max(self._waiting[0].due, self._next) if self._waiting else None
                if begin is not None and begin <= now:
                    self._next = now + self._pause
                    # Somebody must look after the next one.
                    self._changed.notify()
                    return heapq.heappop(self._waiting)
                self._changed.wait(None if begin is None else begin - now)
        return None

    # --- what is done -----------------------------------------------------------------------------------

    def _work(self) -> None:
        visitor = Visitor()
        while errand := self._take():
            try:
                status = visitor.visit(errand.deed)
            except Unanswered as reason:
                self._try_again(errand, str(reason))
                continue
            if is_success(status):
                self._record(errand, status)
            elif status in PASSING or status >= 500:
                self._try_again(errand, f"they are answered {status}")
            else:
                self._say(f"A link in a mail was answered {status}, so nothing came of it.")
        visitor.close()

    def _record(self, errand: Errand, status: int) -> None:
        with self._writing:
            if self._closed:
                return
            try:
                self._journal.act(
                    datetime.now(UTC).isoformat(timespec="microseconds"),
                    errand.recipient,
                    errand.message_id,
                    errand.deed.act,
                    _short(errand.deed.url),
                    status,
                )
            except OSError as error:
                self._say(f"What people do with their mail cannot be recorded: {error}")

    def _say(self, sentence: str) -> None:
        """Once: what is wrong for one is wrong for thousands."""
        if sentence not in self._said:
            self._said.add(sentence)
            print(sentence, flush=True)  # noqa: T201


def _short(url: str) -> str:
    """What tells one link from another: the last segment of its path, or where that is long a digest of it."""
    segment = urlsplit(url).path.rpartition("/")[2]
    return segment if len(segment) <= LINK_LENGTH else blake2b(segment.encode(), digest_size=16).hexdigest()
