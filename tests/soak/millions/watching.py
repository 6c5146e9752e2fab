"""Watches a Job until it rests, and kills meanwhile; with its progress on the terminal."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from accelerator.benches import BenchFailed
from accelerator.benches.house import House
from tests.soak.mailings import Say, StoodStill
from tests.soak.millions.asking import Asker
from tests.soak.millions.counted import ACCEPTED, Counted
from tests.soak.millions.killing import Killer
from tests.soak.millions.meters import Meter
from tests.soak.millions.readers import Reader

# Seconds between two looks, between two lines on the terminal, and without any change until it stands still.
LOOK, TELL, STANDSTILL = 0.2, 5.0, 600.0

PROGRESS = """
SELECT state, extracting, extracted, counts_document, events_cursor, failure_sentence FROM jobs_job WHERE id = %s
"""
LOGGED = "SELECT coalesce(sum(count), 0) FROM cloud_logentry WHERE mailing_id = %s"


@dataclass
class Progress:
    """Of the Job, at one look. `counts` are the dashboard's."""

    state: str
    extracting: int
    extracted: int | None
    counts: Mapping[str, int]
    events: int
    sentence: str

    def has_attempted_all(self) -> bool:
        left = sum(self.counts.get(name, 0) for name in ("waiting", "in_flight", "deferred"))
        return self.state in ("collecting", "completed") and not left


@dataclass
class Run:
    """A Job that goes on in a house, and whoever is about."""

    built: House
    job: uuid.UUID
    counted: Counted
    dashboard: psycopg.Connection
    cloud: psycopg.Connection
    meter: Meter
    reader: Reader
    asker: Asker
    killer: Killer
    began: float = field(default_factory=time.monotonic)
    last_accepted: float = 0.0  # time.monotonic of the look that saw the last acceptance
    ended: float = 0.0

    def look(self) -> Progress:
        row = self.dashboard.execute(PROGRESS, [self.job]).fetchone()
        assert row is not None
        return Progress(*row)

    def read_all(self, progress: Progress) -> bool:
        """Whether the dashboard has all that the Cloud has logged."""
        row = self.cloud.execute(LOGGED, [self.job]).fetchone()
        return row is not None and row[0] == progress.events


def until_rest(run: Run, say: Say) -> None:
    """Until all were attempted and the dashboard knows all. Raises StoodStill, and what went wrong with an Ask."""
    told, before, changed = time.monotonic(), (0, 0, 0), time.monotonic()
    told_accepted = 0
    while True:
        progress, accepted, now = run.look(), run.counted.totals[ACCEPTED], time.monotonic()
        if run.asker.failure:
            raise run.asker.failure
        if progress.state in ("failed", "completed"):
            raise StoodStill(f"The Job is {progress.state}. {progress.sentence}")
        if run.built.process.popen.poll() is not None:
            raise BenchFailed(f"The house ended. It said: {run.built.process.last_words}")
        run.killer.tick(accepted)
        if accepted != before[0]:
            run.last_accepted = now
        if (seen := (accepted, progress.extracting, progress.events)) != before:
            before, changed = seen, now
        if now > told + TELL:
            say(line(run, progress, (accepted - told_accepted) / (now - told)))
            told, told_accepted = now, accepted
        if progress.has_attempted_all() and not run.asker.asking and run.read_all(progress):
            run.ended = now
            return
        if now > changed + STANDSTILL:
            raise StoodStill(f"Nothing has changed for {STANDSTILL:.0f} s: {progress}")
        time.sleep(LOOK)


def line(run: Run, progress: Progress, rate: float) -> str:
    """How far it is, on one line."""
    held = sorted(run.meter.roles.items(), key=lambda role: -role[1].held[-1])[:3]
    most = ", ".join(f"{name} {role.held[-1]:,.0f} MB" for name, role in held)
    done = (
        f"{progress.extracting:,} extracted" if progress.extracted is None else f"{progress.events:,} results"
    )
    return (
        f"{time.monotonic() - run.began:6.0f} s  {progress.state}, {run.counted.totals[ACCEPTED]:,} sent "
        f"({rate:,.0f}/s), {done}; {run.killer.struck} kills, {run.killer.senders} senders dead, "
        f"{len(run.asker.pauses)} pauses; {most}"
    )
