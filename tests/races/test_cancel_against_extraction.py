"""A Cancel at random instants of a slow extraction and around its freeze: nobody is contacted, or it is too late.

The warehouse is a PostgreSQL that gives a row now and then; no query of ours is left in it, and no file in the spool.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection

from accelerator import heartbeats
from jobs import control, spool, steps
from jobs.control import AskRefused
from jobs.states import Cause, Failure, State, Wish
from tests import warehouses
from tests.jobs.warehouses.postgresql import elephants
from tests.races import promises
from tests.races.length import so_many
from tests.races.pictures import take
from tests.races.world import Launched, World
from tests.warehouses import Connection

ROUNDS, EACH = so_many(24, 1_000), so_many(3, 50)
PEOPLE = 40
# Races stop it.
OWN_BEAT = heartbeats.BEAT
# Seconds for each row; seconds within which no query of ours may be left.
SLOWNESS, GONE = 0.004, 5.0
# Of the cancels this share comes around the freeze, at most this far from it (of the time that an extraction takes).
CLOSE, NEAR = 0.5, 0.15
# The others come at any time up to so much of it.
WHOLE = 1.1

SLOW = f"""
SELECT id, 'p' || id || '@{{domain}}' AS email, 'N' AS first_name FROM customers
WHERE id <= {PEOPLE} AND pg_sleep({SLOWNESS})::text = '' ORDER BY id
"""


@dataclass
class Race:
    """Launches one after the other, each with its cancel.

    `ends`: how each ended; `late`: seconds until no query was left.
    """

    world: World
    admin: Connection
    role: str
    ends: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)

    def launch(self) -> Launched:
        self.world.empty()
        launched = self.world.plan()
        audience = launched.campaign.audience
        assert audience is not None
        audience.sql = SLOW.format(domain=launched.domain)
        audience.save()
        launched.launch(self.world.people[0])
        return launched

    def alone(self) -> float:
        """Seconds from the first word of the extraction to the freeze when nobody asks anything."""
        launched = self.launch()
        extract(launched)
        job = launched.job
        assert job.state == State.PROCESSING
        assert job.frozen_at
        assert job.extraction_started_at
        return (job.frozen_at - job.extraction_started_at).total_seconds()

    def cancelled_after(self, seconds: float) -> str:
        """So many after its first word; how it ended."""
        launched = self.launch()
        worker = threading.Thread(target=extract_apart, args=[launched])
        worker.start()
        while launched.job.extraction_started_at is None:
            time.sleep(0.001)
        time.sleep(seconds)
        said = cancel(launched, self.world)
        asked = time.monotonic()
        worker.join(timeout=60)
        assert not worker.is_alive()
        while elephants.sessions(self.admin, self.role, active=True):
            assert time.monotonic() < asked + GONE, "a query of ours is left at the warehouse"
            time.sleep(0.01)
        self.late.append(time.monotonic() - asked)
        end = self.judge(launched, said)
        self.ends[end] += 1
        return end

    def judge(self, launched: Launched, said: str) -> str:
        """Which of the two it was. Anything between them is an error."""
        now = take(self.world, launched, self.world.people[-1])
        promises.always(now)
        job = launched.job
        assert now.status is None
        assert not self.world.received(launched.domain)
        assert job.request_id is None
        if job.state == State.PROCESSING:
            assert said.startswith("Too late for an Extraction Cancel")
            assert [line.cause for line in now.ledger[1:]] == [Cause.FREEZE]
            assert sum(batch.records for batch in job.batches.all()) == job.extracted == PEOPLE
            assert all(spool.read(batch) for batch in job.batches.all())
            return "frozen"
        assert (job.state, job.failure) == (State.FAILED, Failure.EXTRACTION_CANCELLED)
        assert said.startswith("Cancelled during extraction.")
        assert not job.batches.exists()
        assert now.notice is not None
        for step in job.steps.filter(kind="collecting"):
            steps.run(step.pk)
        job = launched.job
        assert job.denied_at is not None
        assert not spool.storage().exists(str(job.pk))
        return "cancelled"


def extract(launched: Launched) -> None:
    for step in launched.job.steps.filter(kind="initializing"):
        steps.run(step.pk)


def extract_apart(launched: Launched) -> None:
    """In a thread of its own, whose connection ends with it."""
    try:
        extract(launched)
    finally:
        connection.close()


def cancel(launched: Launched, world: World) -> str:
    try:
        return control.ask(launched.job, Wish.CANCEL, by=world.people[1], seen=0).message
    except AskRefused as refusal:
        return str(refusal)


@pytest.fixture
def elephant(world: World) -> Iterator[tuple[Connection, str]]:
    with elephants.database("races") as admin:
        role = f"races_{elephants.RUN}"
        world.warehouse = warehouses.postgresql(admin, role)
        world.warehouse.save()
        yield admin, role


def test_of_a_cancel_at_any_instant_and_the_freeze_exactly_one_wins(
    world: World,
    elephant: tuple[Connection, str],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    # So that a thousand of them take minutes; how soon the product itself notices is another test's affair.
    monkeypatch.setattr(heartbeats, "BEAT", 0.05)
    race = Race(world, *elephant)
    usual = sorted(race.alone() for _ in range(3))[1]
    chance = random.Random()  # noqa: S311 - no secret
    for _ in range(ROUNDS):
        close = chance.random() < CLOSE
        share = 1 + (chance.random() * 2 - 1) * NEAR if close else chance.random() * WHOLE
        end = race.cancelled_after(share * usual)
        if close:  # the machine is slower or faster by now; this finds the freeze again
            usual *= 1.03 if end == "cancelled" else 0.97
    told = f"{ROUNDS} cancels: {dict(race.ends)}; no query was left after {max(race.late):.1f} s"
    pytestconfig.get_terminal_writer().line(told)
    assert set(race.ends) == {"cancelled", "frozen"}
    assert min(race.ends.values()) >= EACH


def test_a_cancel_ends_the_query_and_cleans_up_within_seconds(
    world: World, elephant: tuple[Connection, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the product's own heartbeat, and a query that gives nothing at all for an hour."""
    monkeypatch.setattr(heartbeats, "BEAT", OWN_BEAT)
    race = Race(world, *elephant)
    launched = race.launch()
    audience = launched.campaign.audience
    assert audience is not None
    job = launched.job
    document = job.instructions_document
    document["audience"]["sql"] = "SELECT id, email, 'N' AS first_name FROM customers, pg_sleep(3600)"
    job.instructions_document = document
    job.save(update_fields=["instructions_document"])
    worker = threading.Thread(target=extract_apart, args=[launched])
    worker.start()
    while not elephants.sessions(race.admin, race.role, active=True):
        time.sleep(0.01)
    said = cancel(launched, world)
    asked = time.monotonic()
    worker.join(timeout=60)
    while elephants.sessions(race.admin, race.role, active=True):
        time.sleep(0.01)
    assert time.monotonic() - asked < GONE
    assert race.judge(launched, said) == "cancelled"
