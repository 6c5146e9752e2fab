"""People who leave: between two Jobs that both want them, and while a retry of theirs is due."""

import uuid

from tests.faults.cases import NotReached, Outcome, case
from tests.faults.people import REGULARS
from tests.faults.reaching import reached
from tests.faults.world import REST_WITHIN, World
from tests.journeys.house import until

LEAVE = 3
CLASS = "SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND state = %s"
DEFERRED = "SELECT address FROM cloud_intent WHERE mailing_id = %s AND state = 'deferred' AND address LIKE 'greylist%%'"


@case("people leave between two Jobs, and while a retry is due", fast=True, alone=False)
def leaving(world: World) -> Outcome:
    """Who was reached by one Job unsubscribes: some before the next, one while he is deferred in it."""
    first = world.launch(REGULARS)
    until(
        lambda: len(greylisted(world, first)) > LEAVE,
        "some were reached who had been refused for now",
        REST_WITHIN,  # others are killed in the same house meanwhile
    )
    later = greylisted(world, first)
    for _ in range(LEAVE):
        world.unsubscribe(first)
    second = world.launch_again(first)
    reached(
        lambda: not set(later).isdisjoint(world.mailbox.refused(second)), "one of them is refused for now"
    )
    world.ask(second, "pause")
    world.wait_for(second, "paused")
    while_deferred(world, first, later, second)
    world.ask(second, "resume")
    outcome = world.outcome(first, second)
    for job in outcome.jobs:
        if world.cloud(CLASS, job, "render_errors") == [(0,)]:
            raise NotReached("the Template failed for nobody")
    return outcome


def while_deferred(world: World, first: uuid.UUID, had: list[str], second: uuid.UUID) -> None:
    """One of those leaves by the first Job's mail who is deferred in the second. Raises NotReached."""
    both = [str(address) for (address,) in world.cloud(DEFERRED, second) if address in had]
    if not both:
        raise NotReached("nobody who had a mail was deferred when the job was paused")
    world.unsubscribe(first, both[0])


def greylisted(world: World, job: uuid.UUID) -> list[str]:
    """Who was refused for now, and then reached."""
    return [address for address in world.accepted(job) if address.startswith("greylist")]
