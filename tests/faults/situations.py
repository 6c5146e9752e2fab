"""Situations that bring a Job to a failpoint: what people do, and what happens to them."""

import threading
import uuid
from collections.abc import Callable

from tests.faults.cases import NotReached
from tests.faults.people import BRIEF, FEW, GROWN, LATE, NOBODY, PEOPLE, REGULARS, SLOW, STEADY
from tests.faults.reaching import held_at, reached
from tests.faults.world import World

# A situation launches a Job and brings it to the place; it calls `order` when the order must stand there, with the Job
# that it is about where whoever reaches the place can know that.
Order = Callable[[uuid.UUID | None], None]
Situation = Callable[[World, Order], uuid.UUID]

# Unexplained errors in a row after which a Job fails.
PATIENCE = 5
# Times that a situation is tried which a busy machine may miss.
TRIES = 4
# Whoever needs a place of others to stand still, or to fail, does so one at a time.
HOLDING, FAILING = threading.Lock(), threading.Lock()


def pressed(world: World, order: Order) -> uuid.UUID:
    """a Job is launched"""
    order(None)
    return world.launch(PEOPLE)


def launched(world: World, order: Order) -> uuid.UUID:
    """a Job that was launched goes its way"""
    job = world.launch(BRIEF)
    while world.state(job) != "initializing":  # the answer to the launch came too late
        job = world.launch(BRIEF)
    order(job)
    return job


def paused(world: World, order: Order) -> uuid.UUID:
    """a Job that is being sent is paused"""
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    order(job)
    world.ask(job, "pause")
    return job


def resumed(world: World, order: Order) -> uuid.UUID:
    """a Job that was paused is resumed"""
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    world.ask(job, "pause")
    world.wait_for(job, "paused")
    order(job)
    world.ask(job, "resume")
    return job


def rated(world: World, order: Order) -> uuid.UUID:
    """the rate of a Job that is being sent is changed"""
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    order(job)
    world.person.rate(job, 360_000)
    return job


def cancelled(world: World, order: Order) -> uuid.UUID:
    """a Job is cancelled during its extraction"""
    job = world.launch(SLOW)
    order(job)
    world.ask(job, "cancel")
    return job


def stopped(world: World, order: Order) -> uuid.UUID:
    """a Job that was paused is cancelled"""
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    world.ask(job, "pause")
    world.wait_for(job, "paused")
    order(job)
    world.ask(job, "cancel")
    return job


def cancelled_early(world: World, order: Order) -> uuid.UUID:
    """a Job is cancelled during its extraction, which does not end meanwhile"""
    return during_extraction(world, order, "cancel")


def paused_early(world: World, order: Order) -> uuid.UUID:
    """a Job is paused during its extraction, which does not end meanwhile"""
    return during_extraction(world, order, "pause")


def during_extraction(world: World, order: Order, wish: str) -> uuid.UUID:
    """One Job at a time: another case's order must not stand where this one's extraction is to be held."""
    with HOLDING:
        job = world.launch(SLOW)
        with held_at(world, job, "extraction.reading"):
            order(job)
            world.ask(job, wish)
    return job


def deleted(world: World, order: Order) -> uuid.UUID:
    """a Job that was cancelled is deleted"""
    job = world.launch(SLOW)
    world.ask(job, "cancel")
    world.wait_for(job, "failed")
    order(None)
    world.person.delete(job)
    gone = world.dashboard("SELECT deleted_at IS NOT NULL FROM jobs_job WHERE id = %s", job)
    assert gone == [(True,)], "a Job whose deletion was answered is still there"
    return job


def empty(world: World, order: Order) -> uuid.UUID:
    """a Job fails because its Audience selects nobody"""
    order(None)
    return world.launch(NOBODY)


def hopeless(world: World, order: Order) -> uuid.UUID:
    """a Job fails at its submission again and again, until that is given up"""
    failing = "submit.before"
    with FAILING:
        job = world.launch(SLOW)
        world.arm(failing, "raise", about=job, times=PATIENCE)
        try:
            reached(lambda: failures(world, job) >= PATIENCE - 1, "it failed all but the last time", 90)
            order(job)
            reached(lambda: not world.orders.waits(failing), "it failed for the last time", 60)
        finally:
            world.orders.take_back(failing)
    return job


def failures(world: World, job: uuid.UUID) -> int:
    """In a row, of the submission."""
    sql = "SELECT coalesce(max(attempts), 0) FROM jobs_step WHERE job_id = %s AND kind = 'processing'"
    return int(str(world.dashboard(sql, job)[0][0]))


def held_back(world: World, order: Order) -> uuid.UUID:
    """a Job's window ends while retries are due, because it is paused"""
    deferred = "SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND state = 'deferred'"
    for _ in range(TRIES):
        job = world.launch(LATE)
        world.wait_for(job, "collecting")
        world.ask(job, "pause")
        if world.wait_for(job, "paused", "completed") == "paused" and world.cloud(deferred, job) != [(0,)]:
            order(job)
            return job
    raise NotReached(f"{TRIES} times nobody was deferred when the job was paused")


def sending(world: World, order: Order) -> uuid.UUID:
    """a Job is being sent"""
    job = world.launch(STEADY)
    world.wait_until_sent(job, 5)
    order(job)
    return job


def left(world: World, order: Order) -> uuid.UUID:
    """a recipient unsubscribes, whom the next Job wants too"""
    job = world.launch(REGULARS)
    world.wait_until_sent(job, 20)
    order(None)
    world.unsubscribe(job)
    world.launch_again(job)
    return job


def visited(world: World, order: Order) -> uuid.UUID:
    """a recipient opens the mail and clicks"""
    job = world.launch(PEOPLE)
    world.wait_until_sent(job, 20)
    order(None)
    world.visit(job)
    return job


def returned(world: World, order: Order) -> uuid.UUID:
    """a mail server gives a message back that it has taken"""
    job = world.launch(PEOPLE)
    world.wait_until_sent(job, 20)
    order(None)
    world.give_back(job)
    return job


def listed(world: World, order: Order) -> uuid.UUID:
    """a recipient is put on the suppression list, whom the next Job wants too"""
    job = world.launch(REGULARS)
    world.wait_until_sent(job, 20)
    order(None)
    world.suppress(world.accepted(job)[0])
    world.launch_again(job)
    return job


def unlisted(world: World, order: Order) -> uuid.UUID:
    """a recipient is put on the suppression list, and taken off it"""
    job = world.launch(REGULARS)
    world.wait_until_sent(job, 20)
    world.suppress(world.accepted(job)[0])
    order(None)
    world.unsuppress(world.accepted(job)[0])
    world.launch_again(job)
    return job


def orphaned(world: World, order: Order) -> uuid.UUID:
    """the only batch of a Job is taken up, whose sender died"""
    job = world.launch(FEW)
    world.arm("intents.after", "kill", about=job)
    world.await_done("intents.after")
    order(job)
    return job


def extracted(world: World, order: Order) -> uuid.UUID:
    """a Job's Audience is extracted for some seconds"""
    job = world.launch(SLOW)
    order(job)
    return job


def grown(world: World, order: Order) -> uuid.UUID:
    """a Job's Audience has grown so much that somebody must confirm it"""
    job = world.launch(GROWN)
    order(job)
    confirm(world, job)
    return job


def confirmed(world: World, order: Order) -> uuid.UUID:
    """somebody confirms how much a Job's Audience has grown"""
    job = world.launch(GROWN)
    found(world, job)
    order(None)
    confirm(world, job)
    return job


def denied(world: World, order: Order) -> uuid.UUID:
    """the Cloud is asked about a Job that was cancelled during its extraction"""
    return cancelled(world, order)


def found(world: World, job: uuid.UUID) -> int | None:
    """The size that the Job waits with, once it does; None if somebody has confirmed it."""
    waits = "SELECT size_found, size_confirmed FROM jobs_job WHERE id = %s"
    reached(
        lambda: world.dashboard(waits, job) != [(None, None)],
        "the Job waits for somebody to confirm its size",
        60,
    )
    size = world.dashboard(waits, job)[0][0]
    return None if size is None else int(str(size))


def confirm(world: World, job: uuid.UUID) -> None:
    """Until it is stored, whoever dies meanwhile."""
    while (size := found(world, job)) is not None:
        world.person.confirm(job, size)
