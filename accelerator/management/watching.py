"""A Job's progress on a terminal or in a log, until it is in a state that is awaited."""

import os
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from django.core.management.base import OutputWrapper
from django.db import connection

from accelerator.management import Failed, telling
from accelerator.management.finding import DATABASE_AWAY
from jobs import control
from jobs.models import Ask, Job
from jobs.states import State
from jobs.templatetags.quantities import heavy, share
from jobs.views import progress

# Seconds between two looks, and over which the rate is measured.
EVERY = 0.5
SPAN = 6.0

AWAY = "The database does not answer; looking again"


@dataclass
class Screen:
    """Where progress is shown: one line that is rewritten, or (in a log) a line for every change."""

    out: OutputWrapper
    rewrites: bool
    width: Callable[[], int] = lambda: shutil.get_terminal_size().columns
    _shown: object = None
    _open: bool = False

    @classmethod
    def of(cls, out: OutputWrapper) -> "Screen":
        return cls(out, rewrites=out.isatty() and os.environ.get("TERM") != "dumb")

    def show(self, line: str, change: object) -> None:
        """Show the line; in a log only if `change` is another one than before."""
        if self.rewrites:
            # One column stays free: some terminals begin a new line when the last one is written.
            room = max(1, self.width() - 1)
            shown = line if len(line) <= room else f"{line[: room - 1]}…"
            self.out.write(f"\r{shown}\x1b[K", str, "")
            self.out.flush()
            self._open = True
        elif change != self._shown:
            self.out.write(line, str)
            self.out.flush()
        self._shown = change

    def close(self) -> None:
        """Leave the last line as it is; what follows begins on a new one."""
        if self._open:
            self.out.write("", str)
            self._open = False


@dataclass
class Speed:
    """Records a second over the last few seconds, by the counts that were seen."""

    clock: Callable[[], float] = time.monotonic
    _seen: deque[tuple[float, int, str]] = field(default_factory=deque)

    def of(self, state: str, records: int) -> float | None:
        """None where it is not known, yet or any more. A new state begins anew.

        From one news to another: between them the counts stand still, and what they count does not.
        """
        now = self.clock()
        if self._seen and self._seen[-1][2] != state:
            self._seen.clear()
        if not self._seen or self._seen[-1][1] != records:
            self._seen.append((now, records, state))
        while len(self._seen) > 2 and self._seen[1][0] <= now - SPAN:
            self._seen.popleft()
        (began, first, _), (ended, last, _) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if now - ended < SPAN and last > first else None


def follow(
    pk: uuid.UUID, awaited: Collection[State], screen: Screen, *, pause: Callable[[float], None] = time.sleep
) -> Job:
    """Show the Job's progress until it is in one of the states. Raises Failed if it is deleted meanwhile."""
    speed = Speed()
    while True:
        try:
            job = Job.objects.filter(pk=pk, deleted_at=None).first()
            pending = control.pending(job) if job is not None else None
        except DATABASE_AWAY:
            connection.close()
            screen.show(AWAY, AWAY)
        else:
            if job is None:
                screen.close()
                raise Failed("The Job was deleted meanwhile.")
            screen.show(*_line(job, pending, speed))
            if job.state in awaited:
                screen.close()
                return job
        pause(EVERY)


def _line(job: Job, pending: Ask | None, speed: Speed) -> tuple[str, object]:
    """The line, and what makes it another one than before: not every number does."""
    parts = [job.get_state_display()]
    fraction = 0.0
    if job.awaits_confirmation:
        speed.of("", 0)
        parts.append(f"waits for somebody to confirm {job.size_found:,} recipients (--confirm-size)")
    elif job.state == State.INITIALIZING:
        known = progress.extracted_share(job)
        fraction = known or 0.0
        rate = speed.of(job.state, job.extracting)
        parts += [share(known)] if known is not None else []
        parts += [f"{job.extracting:,} extracted so far", *_rate(rate)]
        parts += [heavy(job.extracting_bytes)] if job.extracting_bytes else []
        parts += [f"{job.dropped:,} dropped"] if job.dropped else []
    elif job.extracted:
        counts = job.counts
        fraction = counts.attempted / job.extracted
        rate = speed.of(job.state, counts.attempted)
        parts += [share(fraction), *_rate(rate), f"{counts.attempted:,} of {job.extracted:,} attempted"]
        parts += [
            f"{count:,} {word}"
            for count, word in (
                (counts.delivered, "delivered"),
                (counts.bounced, "bounced"),
                (counts.in_flight, "in flight"),
                (counts.deferred, "being retried"),
            )
            if count
        ]
    if pending is not None:
        parts.append(telling.asking(pending))
    if job.waiting_for:
        parts.append(job.waiting_for)
    number = pending.number if pending else 0
    change = (job.state, job.request_id, number, job.waiting_for, job.awaits_confirmation, int(fraction * 10))
    return " · ".join(parts), change


def _rate(rate: float | None) -> list[str]:
    return [f"{rate:,.0f}/s"] if rate else []
