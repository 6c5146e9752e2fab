"""An ordinary day: what people do with campaigns while something is wrong with the house."""

import uuid
from collections.abc import Callable

from tests.faults import killings
from tests.faults.people import REGULARS, SLOW, STEADY
from tests.faults.world import World


def day(world: World) -> tuple[uuid.UUID, ...]:
    """One Job is sent, one paused and resumed, one cancelled during its extraction; one who left is in the next."""
    sent, paused, cancelled = world.launch(REGULARS), world.launch(STEADY), world.launch(SLOW)
    world.ask(cancelled, "cancel")
    world.wait_until_sent(paused, 5)
    world.ask(paused, "pause")
    world.wait_for(paused, "paused")
    world.visit(sent)
    world.unsubscribe(sent)
    world.ask(paused, "resume")
    return sent, paused, cancelled, world.launch_again(sent)


def in_every_stage(world: World, strike: Callable[[uuid.UUID], object]) -> tuple[uuid.UUID, ...]:
    """It strikes while one Job is Paused, one Collecting, one is sent, and one extracted; and people go on.

    `strike` is told which one is Collecting.
    """
    jobs = paused, collecting, *_ = killings.stages(world)
    killings.in_their_stages(world, *jobs)
    strike(collecting)
    world.unsubscribe(collecting)
    world.ask(paused, "resume")
    return *jobs, world.launch_again(collecting)
