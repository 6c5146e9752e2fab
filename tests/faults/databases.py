"""The databases under faults: restarted in two ways, frozen beyond the leases, their sessions ended again and again."""

import signal
import time
import uuid
from functools import partial

import psycopg

from tests.faults import cases, everyday, older, staff
from tests.faults.aftermath import aftermath
from tests.faults.cases import Case, NotReached, Outcome, case
from tests.faults.people import MANY, STEADY
from tests.faults.reaching import reached
from tests.faults.world import World

# As PostgreSQL's manual has them: sessions are ended in order, or everything ends at once as in a crash.
RESTARTS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# Seconds that it is frozen: more than any lease of a hasty house. Seconds between two ends of all sessions, and times.
FROZEN = 10.0
# Seconds that one database lets nobody in.
AWAY = 12.0
BETWEEN, TIMES = 0.5, 16

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> %s"


def restarted(number: signal.Signals, world: World) -> Outcome:
    """Both databases are restarted while Jobs are in every stage."""

    def restart(_: uuid.UUID) -> None:
        (old,) = world.processes("PostgreSQL")
        if not staff.send(old, number):
            raise NotReached("PostgreSQL was gone before")
        reached(lambda: world.processes("PostgreSQL") not in ([old], []), "PostgreSQL is started again")

    return world.outcome(*everyday.in_every_stage(world, restart))


@case("databases frozen", house="hasty")
def frozen(world: World) -> Outcome:
    """Every process of both databases is frozen beyond the leases, while Jobs are in every stage; mails are opened."""
    thawed: list[float] = []

    def freeze(collecting: uuid.UUID) -> None:
        pids = [pid for name in ("PostgreSQL", "PostgreSQL child") for pid in world.stop(name)]
        until = time.monotonic() + FROZEN
        opened_before(world, collecting, until)
        time.sleep(until - time.monotonic())
        world.cont(*pids)
        thawed.append(time.monotonic())

    jobs = everyday.in_every_stage(world, freeze)
    return aftermath(world, thawed[0], *jobs)


@case("databases end all sessions again and again while it is sent")
def sessions(world: World) -> Outcome:
    """Whatever somebody does in a database is broken off, twice a second."""
    jobs = world.launch(MANY), world.launch(STEADY)
    world.wait_until_sent(jobs[1], 5)
    ended = 0
    for _ in range(TIMES):
        with psycopg.connect(world.stores["dashboard"].url, autocommit=True) as connection:
            ended += len(connection.execute(END_ALL, [connection.info.backend_pid]).fetchall())
        time.sleep(BETWEEN)
    if ended < TIMES:
        raise NotReached(f"only {ended} sessions were there to be ended")
    return aftermath(world, time.monotonic(), *jobs)


def opened_before(world: World, job: uuid.UUID, until: float) -> None:
    """Somebody opens a mail and clicks, and is answered without a database."""
    world.visit(job)
    assert time.monotonic() < until, "nobody was answered who opened a mail while the database was away"


def away(side: str, world: World) -> Outcome:
    """One of the two databases lets nobody in, and the other goes on; Jobs are in every stage, and mails are opened."""
    mended: list[float] = []

    def strike(collecting: uuid.UUID) -> None:
        world.fault(f"the {side}'s database was away")
        with older.closed(world, side):
            until = time.monotonic() + AWAY
            opened_before(world, collecting, until)
            time.sleep(until - time.monotonic())
        mended.append(time.monotonic())

    jobs = everyday.in_every_stage(world, strike)
    return aftermath(world, mended[0], *jobs)


for _side in older.DATABASES:
    cases.add(
        Case(
            name=f"database of the {_side} away, the other there",
            tells=away.__doc__ or "",
            run=partial(away, _side),
        )
    )
for _how, _signal in RESTARTS.items():
    cases.add(
        Case(
            name=f"databases restarted ({_how})",
            tells=restarted.__doc__ or "",
            run=partial(restarted, _signal),
        )
    )
