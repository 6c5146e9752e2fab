"""Where a Job stands when a copy of a database is made, and what it does after that."""

import uuid
from collections.abc import Callable

from tests.faults.people import BRIEF, PEOPLE, SLOW, STEADY
from tests.faults.reaching import reached
from tests.faults.world import World

# A part of the batches is at the Cloud.
TRANSFERRING = "Transferring"

Stage = tuple[Callable[[World], uuid.UUID], Callable[[World, uuid.UUID], None]]


def initializing(world: World) -> uuid.UUID:
    job = world.launch(SLOW)
    world.wait_for(job, "initializing")
    return job


def processing(world: World) -> uuid.UUID:
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    return job


def paused(world: World) -> uuid.UUID:
    job = processing(world)
    world.ask(job, "pause")
    world.wait_for(job, "paused")
    return job


def collecting(world: World) -> uuid.UUID:
    job = world.launch(PEOPLE)
    world.wait_for(job, "collecting")
    return job


def sent_on(world: World, job: uuid.UUID) -> None:
    world.wait_until_sent(job, len(world.accepted(job)) + 20, within=120)


def resumed(world: World, job: uuid.UUID) -> None:
    world.ask(job, "resume")
    sent_on(world, job)


def interrupted(world: World, job: uuid.UUID) -> None:
    world.ask(job, "pause")
    world.wait_for(job, "paused")
    resumed(world, job)


def read(world: World, job: uuid.UUID) -> None:
    world.visit(job)
    world.unsubscribe(job)
    world.ask(job, "pause")
    world.wait_for(job, "paused")
    world.ask(job, "resume")
    world.wait_for(job, "collecting")


def transferring(world: World) -> uuid.UUID:
    return world.launch(BRIEF)  # until the first batch is there, see HOLDING


def transferred(world: World, job: uuid.UUID) -> None:
    """All batches are there, so that the copy lacks some of them: its making may have cost the step its lease."""
    query = "SELECT count(*) FROM jobs_job WHERE id = %s AND transferred_at IS NOT NULL"
    reached(lambda: world.dashboard(query, job) == [(1,)], f"job {job} is transferred")


# In which state the copy is made, and what happens after it, at both sides.
STAGES: dict[str, Stage] = {
    "Initializing": (initializing, sent_on),
    "Processing": (processing, interrupted),
    "Paused": (paused, resumed),
    "Collecting": (collecting, read),
    TRANSFERRING: (transferring, transferred),
}
# Where somebody stands still while the copy is made, so that the Job stays in its stage.
HOLDING = {"Initializing": "extraction.reading", TRANSFERRING: "batch.noted"}
