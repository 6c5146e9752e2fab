"""kill -9 of every process, while Jobs are in every stage: one is extracted, one sent, one paused, one collects."""

import time
import uuid
from functools import partial

from tests.faults import cases, staff
from tests.faults.cases import Case, Outcome
from tests.faults.people import REGULARS, SLOW, STEADY
from tests.faults.world import World

# What `up` started, and what workers forked.
FORKING = ("web", "cloud", "asks", "worker", "extractor", "cloud worker 1")
VICTIMS = (*staff.NAMES, *(f"{name} child" for name in FORKING), staff.RENDERERS)


def run(victim: str, world: World) -> Outcome:
    """Four Jobs, in their middle the blow, and a fifth to people of whom one has left."""
    paused, collecting, sent, extracted = stages(world)
    world.kill(victim)
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
    time.sleep(0.5)  # until a warehouse is at it
    return paused, collecting, sent, extracted


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
