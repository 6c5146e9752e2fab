"""Disks that are full for a while: the spool's, the database's, the mail receiver's."""

import contextlib
import time

import psycopg

from tests.faults import restarting
from tests.faults.aftermath import aftermath
from tests.faults.cases import Outcome, case
from tests.faults.people import MANY, PEOPLE, STEADY
from tests.faults.reaching import heard, reached, said
from tests.faults.tight import Tight
from tests.faults.world import World

# Seconds that a disk is full.
LASTS = 10.0
NO_ROOM = "No space left on device"
PANIC = "PANIC:"
# Pieces of the log of changes that PostgreSQL may have made ahead; windows that are open at a time.
SEGMENTS, AT_ONCE = 64, 4


@case("spool's disk is full while an audience is extracted", house="tight")
def spool(world: World) -> Outcome:
    """A Job is launched when there is no room for its records; then there is."""
    assert isinstance(world, Tight)
    seen = said(world, "up.log", NO_ROOM)
    with world.full("spool"):
        job = world.launch(PEOPLE)
        heard(world, "up.log", NO_ROOM, seen)
        time.sleep(LASTS)
        assert world.state(job) in ("initializing", "failed")
    return aftermath(world, time.monotonic(), job)


@case("database's disk is full while it is sent", house="tight")
def tables(world: World) -> Outcome:
    """What can't be recorded is not sent; when there is room, everything goes on."""
    assert isinstance(world, Tight)
    jobs = world.launch(STEADY), world.launch(MANY)
    world.wait_until_sent(jobs[0], 5)
    seen = said(world, "postgres.log", NO_ROOM)
    with world.full("postgres"):
        heard(world, "postgres.log", NO_ROOM, seen)
        time.sleep(LASTS)
        for job in jobs:
            sent = set(world.accepted(job))
            known = {
                str(row[0])
                for row in world.cloud("SELECT address FROM cloud_intent WHERE mailing_id = %s", job)
            }
            assert sent <= known, f"{len(sent - known)} were sent to of whom nothing is recorded"
    return aftermath(world, time.monotonic(), *jobs)


@case("receiver's disk is full while it is sent to", house="tight")
def journal(world: World) -> Outcome:
    """It answers 452; whoever met that is tried again, and nobody is Unknown."""
    assert isinstance(world, Tight)
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    with world.full("receiver"):
        sql = "SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND code = '4.3.1'"
        reached(
            lambda: world.cloud(sql, job) != [(0,)],
            "a message was refused because the receiver's disk is full",
        )
        time.sleep(2)
    return aftermath(world, time.monotonic(), job)


@case("disk of the databases' log of changes is full while it is sent", house="tight")
def changes(world: World) -> Outcome:
    """PostgreSQL ends without it, and `up` says so and ends; when there is room, it is started again."""
    assert isinstance(world, Tight)
    assert world.house.process is not None
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    seen = said(world, "postgres.log", PANIC)
    # Whoever sends when everything ends can't write down what became of it.
    world.fault("the databases' log of changes was full", windows=AT_ONCE)
    with world.full("pg_wal"):
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(world.stores["cloud"].url) as database,
        ):
            for _ in range(SEGMENTS):
                database.execute("SELECT pg_switch_wal()")
                database.execute("CREATE TEMPORARY TABLE something AS SELECT 1")
                database.rollback()
        heard(world, "postgres.log", PANIC, seen)
        ended = world.house.process.wait(timeout=120)
        assert ended == 1, f"`up` ended with {ended}"
    restarting.forget_what_it_said(world)
    restarting.start(world)
    return aftermath(world, time.monotonic(), job)
