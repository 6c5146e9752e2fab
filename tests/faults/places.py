"""Every failpoint of the product x {kill, stop beyond the lease and go on, raise}, where it is certainly reached."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial

from accelerator.failpoints import PLACES
from tests.faults import cases
from tests.faults.cases import Case, NotReached, Outcome
from tests.faults.people import BRIEF, PEOPLE, SLOW, STEADY
from tests.faults.world import RECOVERY, World

# A situation launches a Job and brings it to the place; it calls `order` when the order must stand there, with the Job
# that it is about where whoever reaches the place can know that.
Order = Callable[[uuid.UUID | None], None]
Situation = Callable[[World, Order], uuid.UUID]

ACTIONS = {"kill": "usual", "stop": "hasty", "raise": "hasty"}

# Places that whoever sends reaches, and what a mistake of ours (raise) may leave unknown there: windows, messages.
SENDING = ("take", "stock", "intents", "dot", "reply", "settle", "release")
MISTAKES = {"dot.before": (0, 1), "dot.after": (0, 1), "reply.after": (0, 1), "settle.before": (1, 0)}
# Seconds: the hasty lease, how long a frozen process sleeps at most by where it froze. In a transaction it holds its
# locks until PostgreSQL ends its session; a frozen web server keeps everybody waiting.
LEASE = 4.0
LONGEST = {"senders": 19.0, "extractor": 14.0, "asks": 14.0, "worker": 14.0, "web": 8.0, "cloud": 8.0}
# Who reaches a place, by the first word of it. Of each only one is frozen at a time, so that another can go on.
REACHED_BY = (
    ("senders", SENDING),
    ("web", ("launch", "ask")),
    ("cloud", ("accept", "store", "apply", "stamp", "objection")),
    ("extractor", ("extraction", "freeze")),
    ("asks", ("control", "grant")),
)
FREEZING = {who: threading.Lock() for who in LONGEST}


def pressed(world: World, order: Order) -> uuid.UUID:
    """a Job is launched"""
    order(None)
    return world.launch(PEOPLE)


def launched(world: World, order: Order) -> uuid.UUID:
    """a Job that was launched goes its way"""
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


def cancelled(world: World, order: Order) -> uuid.UUID:
    """a Job is cancelled during its extraction"""
    job = world.launch(SLOW)
    order(None)
    world.ask(job, "cancel")
    return job


def left(world: World, order: Order) -> uuid.UUID:
    """a recipient unsubscribes"""
    job = world.launch(PEOPLE)
    world.wait_until_sent(job, 20)
    order(None)
    world.unsubscribe(job)
    return job


def orphaned(world: World, order: Order) -> uuid.UUID:
    """a batch is taken up whose sender died"""
    job = world.launch(BRIEF)
    world.arm("intents.after", "kill", about=job)
    world.await_done("intents.after")
    until_alone(world, job)
    order(job)
    return job


def until_alone(world: World, job: uuid.UUID) -> None:
    """Until the only batch that is still to be sent from is that of the dead sender."""
    sql = (
        "SELECT count(*) FROM cloud_batch WHERE mailing_id = %s AND due_at IS NOT NULL"
        " AND id NOT IN (SELECT batch_id FROM cloud_intent WHERE mailing_id = %s AND state = 'in_flight')"
    )
    deadline = time.monotonic() + LONGEST["senders"]
    while world.cloud(sql, job, job) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.1)


# By the first word of the place, or the whole of it.
SITUATIONS: dict[str, tuple[Situation, ...]] = {
    "launch": (pressed,),
    "take": (pressed,),
    "ask": (paused,),
    "control": (paused, resumed),
    "grant": (paused, resumed),
    "apply": (paused,),
    "notice": (cancelled,),
    "objection": (left,),
    "stock": (orphaned,),
}
# What the gate runs: one of each kind of damage, in the house with the default leases.
FAST = (
    *("launch.after", "extraction.spooled", "submit.after", "accept.after", "batch.after", "intents.after"),
    *("dot.after", "settle.before", "events.before", "grant.before", "notice.handing_over"),
)


def run(place: str, action: str, situation: Situation, world: World) -> Outcome:
    """The order, the situation, and what follows from the action."""
    freezer = Freezer(world, place)

    def order(about: uuid.UUID | None) -> None:
        world.arm(place, action, about=about)
        if action == "stop":
            freezer.start()

    with FREEZING[freezer.who] if action == "stop" else contextlib.nullcontext():
        try:
            job = situation(world, order)
        except BaseException:
            world.orders.take_back(place)
            raise
        if action == "stop":
            freezer.thaw(job)
        else:
            world.await_done(place)
    if action == "raise":
        world.fault(f"raised at {place}", *MISTAKES.get(place, (0, 0)))
    if situation is paused:
        world.wait_for(job, "paused", "collecting", "completed")
        if world.state(job) == "paused":
            world.ask(job, "resume")
    return world.outcome(job, limit=None if action == "stop" else RECOVERY)


class Freezer(threading.Thread):
    """Lets whoever froze at a place go on, once its lease is over and somebody else has gone on with the Job.

    In a thread, because those who ask something of a frozen server wait for it.
    """

    def __init__(self, world: World, place: str) -> None:
        super().__init__(name=f"freezer at {place}", daemon=True)
        self.world, self.place = world, place
        first = place.partition(".")[0]
        self.who = next((who for who, words in REACHED_BY if first in words), "worker")
        self.job: uuid.UUID | None = None
        self.missed: NotReached | None = None

    def run(self) -> None:
        try:
            pid = self.world.await_done(self.place)
            frozen = time.monotonic()
            self.world.fault(f"frozen at {self.place}", windows=int(self.who == "senders"))
            while time.monotonic() < frozen + LONGEST[self.who] and not self._gone_on(frozen):
                time.sleep(0.1)
            self.world.cont(pid)
        except NotReached as missed:
            self.missed = missed

    def _gone_on(self, frozen: float) -> bool:
        return self.job is not None and self.world.watch.moved(self.job) > frozen + LEASE

    def thaw(self, job: uuid.UUID) -> None:
        """Wait until it goes on. Raises NotReached."""
        self.job = job
        self.join()
        if self.missed:
            raise self.missed


def register() -> None:
    for place, what in PLACES.items():
        situations = SITUATIONS.get(place.partition(".")[0], (launched,))
        for action, house in ACTIONS.items():
            for number, situation in enumerate(situations):
                name = f"{action} at {place}" + (f", {situation.__name__}" if len(situations) > 1 else "")
                cases.add(
                    Case(
                        name=name,
                        tells=f"{situation.__doc__}; {action} where {what}",
                        run=partial(run, place, action, situation),
                        fast=action == "kill" and place in FAST and number == 0,
                        alone=False,
                        house=house,
                    )
                )


register()
