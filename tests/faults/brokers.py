"""The broker under faults: emptied again and again, frozen, killed, and one that loses and doubles messages."""

import time
import uuid
from functools import partial

import redis

from tests.faults import cases, everyday
from tests.faults.aftermath import aftermath
from tests.faults.cases import Case, NotReached, Outcome, case
from tests.faults.forgetful import Forgetful
from tests.faults.people import MANY, STEADY
from tests.faults.world import World

# Seconds: between two times that everything is gone, how long that goes on, how long a frozen broker sleeps.
BETWEEN, LASTS, SLEEP = 0.2, 8.0, 9.0
KILLS = 5


def unreliable(seed: int, world: World) -> Outcome:
    """Of all messages to workers 20 % are lost and 20 % doubled while Jobs are sent, paused, resumed, cancelled."""
    assert isinstance(world, Forgetful)
    world.broker.begin(seed)
    try:
        outcome = world.outcome(*everyday.day(world))
    finally:
        world.broker.end()
    for whose in ("dashboard", "cloud"):
        for what, counts in (("lost", world.broker.dropped), ("doubled", world.broker.doubled)):
            if not sum(count for queue, count in counts.items() if queue.startswith(whose)):
                raise NotReached(f"no message to workers of the {whose} was {what}")
    return outcome


@case("broker emptied again and again")
def emptied(world: World) -> Outcome:
    """FLUSHALL five times a second, for some seconds, while Jobs are in every stage."""
    return world.outcome(*everyday.in_every_stage(world, lambda _: empty(world)))


def empty(world: World) -> None:
    """FLUSHALL for some seconds. Raises NotReached if there never was anything."""
    gone = 0
    with redis.Redis.from_url(world.house.environment()["REDIS_URL"]) as broker:
        ends = time.monotonic() + LASTS
        while time.monotonic() < ends:
            gone += broker.dbsize()
            broker.flushall()
            time.sleep(BETWEEN)
    if not gone:
        raise NotReached("the broker was empty all the time")


@case("broker frozen")
def frozen(world: World) -> Outcome:
    """SIGSTOP for some seconds while Jobs are in every stage."""
    thawed: list[float] = []

    def freeze(_: uuid.UUID) -> None:
        pids = world.stop("Valkey")
        time.sleep(SLEEP)
        world.cont(*pids)
        thawed.append(time.monotonic())

    jobs = everyday.in_every_stage(world, freeze)
    return aftermath(world, thawed[0], *jobs)


@case("broker killed again and again while it is sent")
def killed(world: World) -> Outcome:
    """Five times, as soon as it is there again."""
    jobs = world.launch(MANY), world.launch(STEADY)
    world.wait_until_sent(jobs[1], 5)
    for _ in range(KILLS):
        world.kill("Valkey")
        time.sleep(2)
    return world.outcome(*jobs)


for _seed in (1, 2):
    cases.add(
        Case(
            name=f"broker loses 20 % and doubles 20 %, seed {_seed}",
            tells=unreliable.__doc__ or "",
            run=partial(unreliable, _seed),
            house="forgetful",
        )
    )
