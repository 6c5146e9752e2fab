"""Deployments: everything is asked to end, in the order of a rolling deployment, while it sends. Nobody is Unknown."""

import signal
import socket
import time
import uuid
from functools import partial

from tests.faults import deaths, everyday, restarting, staff
from tests.faults.aftermath import aftermath, unexplained
from tests.faults.cases import NotReached, Outcome, case
from tests.faults.people import MANY, STEADY
from tests.faults.reaching import heard, reached, said
from tests.faults.world import World

# Who talks to others ends before them; of two who send one after the other.
SENDERS: tuple[tuple[str, ...], ...] = (("cloud worker 1",), ("cloud worker 2",))
OTHERS: tuple[tuple[str, ...], ...] = (
    ("cloud beat", "beat", "extractor", "worker", "asks"),
    ("web", "cloud"),
)
ROUNDS = 5
SENDERS_IN_ALL = deaths.SENDERS * deaths.WORKERS
# `up` gives up on what ends five times right after its start.
BETWEEN = 11.0


@case("deployed five times in a row while it is sent")
def rolling(world: World) -> Outcome:
    """SIGTERM to all processes, five times, with more to send each time than can be sent meanwhile."""
    for _ in range(ROUNDS):
        world.plan_ahead(MANY)
    jobs = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        jobs += [world.launch(MANY), world.launch(MANY)]
        world.wait_until_sent(jobs[-2], 50)
        for names in SENDERS:
            if "processing" not in [world.state(job) for job in jobs[-2:]]:
                raise NotReached(f"nobody was sent to any more when {names} was replaced")
            replace(world, names)
        for names in OTHERS:
            replace(world, names)
        time.sleep(max(0.0, BETWEEN - (time.monotonic() - began)))
    return drained(world, world.outcome(*jobs))


@case("everything ended and started again while it is sent")
def ended(world: World) -> Outcome:
    """SIGTERM to `up`, which ends everything in order; then it is started again on the same data."""
    jobs = world.launch(MANY), world.launch(STEADY)
    world.wait_until_sent(jobs[0], 50)
    world.wait_until_sent(jobs[1], 5)
    code = restarting.restart(world)
    assert code == 0, f"`up` ended with {code}"
    return drained(world, world.outcome(*jobs, limit=None))


@case("kill -9 up, and a new start")
def killed(world: World) -> Outcome:
    """The process that started all others is killed, and they end with it, while Jobs are in every stage."""
    started: list[float] = []

    def strike(_: uuid.UUID) -> None:
        world.fault("up was killed", windows=SENDERS_IN_ALL, messages=SENDERS_IN_ALL)
        restarting.kill(world)
        restarting.start(world)
        started.append(time.monotonic())

    jobs = everyday.in_every_stage(world, strike)
    return aftermath(world, started[0], *jobs)


def replace(world: World, names: tuple[str, ...]) -> None:
    """Ask them to end, and wait until others are at work. Raises NotReached."""
    old = {name: (world.processes(name), said(world, "up.log", ready(name))) for name in names}
    for name, (pids, _) in old.items():
        if not sum(staff.send(pid, signal.SIGTERM) for pid in pids):
            raise NotReached(f"{name} was not there")
    for name, (pids, times) in old.items():
        reached(partial(_another, world, name, pids), f"another {name} is there", 90)
        if "worker" in name:
            heard(world, "up.log", ready(name), times)


def ready(name: str) -> str:
    """What a worker says when it begins to work."""
    return f"{name.replace(' ', '-')}@{socket.gethostname()} ready."


def _another(world: World, name: str, old: list[int]) -> bool:
    now = world.processes(name)
    return bool(now) and not set(now) & set(old)


def drained(world: World, outcome: Outcome) -> Outcome:
    """Nobody was left Unknown."""
    unknown = {job: unexplained(world, job) for job in outcome.jobs}
    assert not any(unknown.values()), f"a deployment left Unknown: {unknown}"
    states = {world.state(job) for job in outcome.jobs}
    assert states == {"completed"}, f"the jobs are {states}"
    return outcome
