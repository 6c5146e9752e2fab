"""Looks at every Job a few times a second: does it stand still though it has something to do, does a number fall?"""

import contextlib
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator

from tests.faults.mailbox import Mailbox
from tests.faults.stores import Row, Store

EVERY = 0.25

JOBS = """
SELECT job.id, job.state, job.version, job.last_ask, job.extracting, job.counts_document::text, job.events_cursor,
    job.request_id, job.transferred_at,
    (SELECT count(*) FROM jobs_batch batch WHERE batch.job_id = job.id AND batch.transferred_at IS NOT NULL),
    (SELECT outcome FROM jobs_notice notice WHERE notice.job_id = job.id),
    EXISTS (SELECT FROM jobs_ask ask WHERE ask.job_id = job.id AND ask.outcome = 'pending'),
    coalesce(job.collecting_until <= now(), false)
FROM jobs_job job WHERE job.id = ANY(%s)
"""
CONTACTS = """
SELECT mailing_id, state, count(*) FROM cloud_intent WHERE mailing_id = ANY(%s) GROUP BY mailing_id, state
"""
UNSETTLED = ("in_flight", "deferred")
# The numbers of invariant 9, which never fall, that no ledger keeps: one for each row.
STEPS = """
SELECT job_id, 'step ' || kind, epoch FROM jobs_step WHERE job_id = ANY(%s)
UNION ALL SELECT job_id, 'notice', epoch FROM jobs_notice WHERE job_id = ANY(%s)
UNION ALL SELECT id, 'version', version FROM jobs_job WHERE id = ANY(%s)
UNION ALL SELECT id, 'ask', last_ask FROM jobs_job WHERE id = ANY(%s)
UNION ALL SELECT id, 'cursor', events_cursor FROM jobs_job WHERE id = ANY(%s)
"""
BATCHES = """
SELECT mailing_id, 'batch ' || number, epoch FROM cloud_batch WHERE mailing_id = ANY(%s)
UNION ALL SELECT key, 'control', seq FROM cloud_mailing WHERE key = ANY(%s)
"""


class Watch:
    """A thread. A Job stands still while nothing of it changes: no count, no state, no acceptance."""

    def __init__(
        self, dashboard: Store, cloud: Store, mailbox: Mailbox, also: Callable[[], None] = lambda: None
    ) -> None:
        """`also` is called at every look."""
        self._also = also
        self._dashboard, self._cloud, self._mailbox = dashboard, cloud, mailbox
        self._watched: list[uuid.UUID] = []
        self._marks: dict[uuid.UUID, object] = {}
        self._moved: dict[uuid.UUID, float] = {}
        self._since: dict[uuid.UUID, float] = {}
        self._longest: dict[uuid.UUID, float] = defaultdict(float)
        # By Job and name; None while an older copy of a database is put in its place.
        self._numbers: dict[tuple[object, object], int] | None = {}
        self._fallen: dict[uuid.UUID, str] = {}
        self._counting = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def add(self, job: uuid.UUID) -> None:
        """Look at this Job from now on."""
        self._since[job] = time.monotonic()
        self._watched.append(job)

    def stall(self, job: uuid.UUID) -> float:
        """The longest time that it stood still. Call it when the Job rests; it is not looked at any more."""
        if job in self._watched:
            self._watched.remove(job)
        return self._longest[job]

    def moved(self, job: uuid.UUID) -> float:
        """When something of it was last seen to change (monotonic)."""
        return self._moved.get(job, 0.0)

    def epochs(self, job: uuid.UUID) -> dict[object, int]:
        """Of its steps, batches and notices, as they were seen last: one rises when somebody takes the work."""
        numbers = dict(self._numbers or {})
        return {
            name: value
            for (whose, name), value in numbers.items()
            if whose == job and str(name).startswith(("step", "batch", "notice"))
        }

    def fallen(self, *jobs: uuid.UUID) -> dict[uuid.UUID, str]:
        """Numbers that fell (invariant 9), a sentence by Job; of these, or of all."""
        return {job: told for job, told in self._fallen.items() if not jobs or job in jobs}

    @contextlib.contextmanager
    def no_numbers(self) -> Iterator[None]:
        """Meanwhile numbers fall, because a copy takes the place of a database."""
        with self._counting:
            self._numbers = None
        yield
        self._numbers = {}

    def _count(self, watched: list[uuid.UUID]) -> None:
        with self._counting:
            found = [
                *(self._dashboard.try_rows(STEPS, *[watched] * 5) or []),
                *(self._cloud.try_rows(BATCHES, *[watched] * 2) or []),
            ]
            if self._numbers is None:
                return
            for job, name, value in found:
                assert isinstance(job, uuid.UUID)
                number = int(str(value))
                before = self._numbers.get((job, name), number)
                if number < before:
                    self._fallen[job] = f"its number of {name} fell from {before} to {number}"
                self._numbers[job, name] = number

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._also()
            watched = list(self._watched)
            self._count(watched)
            jobs = self._dashboard.try_rows(JOBS, watched)
            contacts = self._cloud.try_rows(CONTACTS, watched)
            now = time.monotonic()
            if jobs is not None and contacts is not None:
                by_job: dict[object, dict[str, object]] = defaultdict(dict)
                for key, state, count in contacts:
                    by_job[key][str(state)] = count
                for row in jobs:
                    self._look(row, by_job[row[0]], now)
            for job in watched:
                self._longest[job] = max(self._longest[job], now - self._since[job])

    def _look(self, row: Row, contacts: dict[str, object], now: float) -> None:
        *seen, _asked, _over = row
        job = row[0]
        assert isinstance(job, uuid.UUID)
        mark = (*seen, *sorted(contacts.items()), self._mailbox.mark(job))
        if mark != self._marks.get(job):
            self._moved[job] = now
        if mark != self._marks.get(job) or not _has_to_move(row, contacts):
            self._marks[job] = mark
            self._since[job] = now


def _has_to_move(row: Row, contacts: dict[str, object]) -> bool:
    """Whether something is to happen by itself: not while a person is waited for, or the end of the window."""
    state, notice, asked, over = row[1], row[10], row[11], row[12]
    if asked or state in ("initializing", "processing"):
        return True
    if state == "collecting":
        return bool(over) or any(name in contacts for name in UNSETTLED)
    return "in_flight" in contacts or notice in ("pending", "handing_over")
