"""kill -9 of every process, while Jobs are in every stage: one is extracted, one sent, one paused, one collects."""

import uuid
from functools import partial

from tests.faults import cases, staff
from tests.faults.cases import Case, NotReached, Outcome
from tests.faults.people import REGULARS, SLOW, STEADY
from tests.faults.reaching import reached
from tests.faults.world import World

# What `up` started, and what workers forked.
FORKING = ("web", "cloud", "asks", "worker", "extractor", "cloud worker 1")
# Of the Jobs of `stages`, in its order.
STAGES = ("paused", "collecting", "processing", "initializing")
VICTIMS = (*staff.NAMES, *(f"{name} child" for name in FORKING), staff.RENDERERS)


def run(victim: str, world: World) -> Outcome:
    """Four Jobs, in their middle the blow, and a fifth to people of whom one has left."""
    jobs = paused, collecting, sent, extracted = stages(world)
    in_their_stages(world, *jobs)
    world.kill(victim)
    world.visit(collecting)
    world.unsubscribe(collecting)
    world.ask(paused, "resume")
    again = world.launch_again(collecting)
    return world.outcome(paused, collecting, sent, extracted, again)


def stages(world: World) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID, uuid.UUID]:
    """A Job that is Paused, one that is Collecting, one that is being sent, one that is extracted."""
    paused = world.launch(STEADY)
    world.wait_until_sent(paused, 5)
    world.ask(paused, "pause")
    collecting = world.launch(REGULARS)
    world.wait_for(paused, "paused")
    world.wait_for(collecting, "collecting")
    world.visit(collecting)
    sent = world.launch(STEADY)
    world.wait_until_sent(sent, 5)
    extracted = world.launch(SLOW)
    started = "SELECT extraction_started_at IS NOT NULL FROM jobs_job WHERE id = %s"
    reached(lambda: world.dashboard(started, extracted) == [(True,)], "a warehouse is at it")
    return paused, collecting, sent, extracted


def in_their_stages(world: World, *jobs: uuid.UUID) -> None:
    """Raises NotReached: on a slow machine one may be further than it should be when the blow falls."""
    for job, state in zip(jobs, STAGES, strict=True):
        if (found := world.state(job)) != state:
            raise NotReached(f"a job that was to be {state} was {found}")


def register() -> None:
    for victim in VICTIMS:
        cases.add(
            Case(
                name=f"kill -9 {victim}",
                tells=f"{victim} is killed while one Job is extracted, one sent, one paused, and one collects",
                run=partial(run, victim),
            )
        )


register()
