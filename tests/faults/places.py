"""Every failpoint of the product x {kill, stop beyond the lease and go on, raise}, where it is certainly reached."""

import contextlib
import threading
import time
import uuid
from functools import partial

from accelerator.failpoints import PLACES
from tests.faults import cases
from tests.faults.aftermath import aftermath
from tests.faults.cases import Case, NotReached, Outcome
from tests.faults.situations import (
    Situation,
    cancelled,
    cancelled_early,
    confirmed,
    deleted,
    denied,
    empty,
    extracted,
    grown,
    held_back,
    hopeless,
    launched,
    left,
    listed,
    orphaned,
    paused,
    paused_early,
    pressed,
    rated,
    resumed,
    returned,
    sending,
    stopped,
    unlisted,
    visited,
)
from tests.faults.world import RECOVERY, World

ACTIONS = {"kill": "usual", "stop": "hasty", "raise": "hasty"}

# Places that whoever sends reaches, and what a mistake of ours (raise) may leave unknown there: windows, messages.
SENDING = ("take", "stock", "intents", "dot", "reply", "settle", "release")
MISTAKES = {"dot.before": (0, 1), "dot.after": (0, 1), "reply.after": (0, 1), "settle.before": (1, 0)}
# Seconds: the hasty lease, how long a frozen process sleeps at most by where it froze. In a transaction it holds its
# locks until PostgreSQL ends its session; a frozen web server keeps everybody waiting.
LEASE = 4.0
LONGEST = {
    "senders": 19.0,
    "extractor": 14.0,
    "asks": 14.0,
    "worker": 14.0,
    "web": 8.0,
    "cloud": 8.0,
    "returned": 8.0,
}
# Who reaches a place, by the first word of it. Of each only one is frozen at a time, so that another can go on.
REACHED_BY = (
    ("senders", (*SENDING, "mark")),
    ("web", ("launch", "ask", "confirm", "deleted", "rating")),
    (
        "cloud",
        ("accept", "store", "apply", "rate", "stamp", "objection", "hit", "told", "listed", "unlisted"),
    ),
    ("extractor", ("extraction", "size", "freeze", "failed")),
    ("asks", ("control", "grant", "rated")),
    ("returned", ("refused",)),
)
# Who holds no lease, and where nothing is left to be done: nobody takes that over.
LEASELESS = ("web", "cloud", "returned")
ALL_DONE = ("outcome.after", "completed.after")
# A case that would wait for its turn in the middle of its situation would come too late for it.
TURNS = {place: threading.Lock() for place in PLACES}
FREEZING = {who: threading.Lock() for who in LONGEST}


# By the first word of the place, or the whole of it.
SITUATIONS: dict[str, tuple[Situation, ...]] = {
    "launch": (pressed,),
    "take": (pressed,),
    "ask": (paused, stopped, cancelled_early, paused_early),
    "control": (paused, resumed, stopped),
    "grant": (paused, resumed, stopped),
    "apply": (paused, stopped),
    "rating": (rated,),
    "rated": (rated,),
    "rate": (rated,),
    "notice": (cancelled,),
    "outcome": (cancelled,),
    "extraction": (extracted,),
    "size": (grown,),
    "confirm": (confirmed,),
    "denied": (denied,),
    "failed": (empty,),
    "deleted": (deleted,),
    "halt": (hopeless,),
    "number": (held_back,),
    "mark": (sending,),
    "objection": (left,),
    "hit": (visited,),
    "told": (visited,),
    "refused": (returned,),
    "listed": (listed,),
    "unlisted": (unlisted,),
    "stock": (orphaned,),
}
# Places that are reached after a restoration alone: `restores` has them.
RESTORED = ("review", "renumber", "retransfer", "hold", "lose")
# Places of an act by which somebody may be contacted twice, as a person wants it: the checker would count that.
# tests/jobs/stages/test_releasing.py asks such an act again, and the Cloud's test_releasing.py does it twice.
WANTED = ("releasing", "released", "freed")
# Places that are reached while the Cloud's database is away alone: tests/accelerator/cloud/hits goes there.
AWAY = ("journal",)
# An act after which every Job is asked, as `ask` has it: other cases' Jobs would be paused with this one's.
EVERYBODY = ("general",)
# What the gate runs: one of each kind of damage, in the house with the default leases.
FAST = {
    "kill": (
        "launch.after",
        "submit.after",
        "batch.after",
        "intents.after",
        "dot.after",
        "settle.before",
        "grant.before",
    ),
    "stop": ("freeze.before", "intents.before", "events.before"),
    "raise": ("accept.after", "reply.after", "notice.handing_over"),
}


def run(place: str, action: str, situation: Situation, world: World) -> Outcome:
    """The order, the situation, and what follows from the action."""
    freezer = Freezer(world, place)

    def order(about: uuid.UUID | None) -> None:
        world.arm(place, action, about=about)
        if action == "stop":
            freezer.start()

    with TURNS[place], FREEZING[freezer.who] if action == "stop" else contextlib.nullcontext():
        try:
            job = situation(world, order)
        except BaseException:
            world.orders.take_back(place)
            raise
        if action == "stop":
            freezer.thaw(job)
        else:
            world.await_done(place)
    struck = time.monotonic()
    if action == "raise":
        world.fault(f"raised at {place}", *MISTAKES.get(place, (0, 0)))
    if situation in (paused, paused_early):
        world.wait_for(job, "paused", "collecting", "completed")
        if world.state(job) == "paused":
            world.ask(job, "resume")
    lasting = action == "stop" or situation is hopeless
    if action == "stop" and freezer.leased and not freezer.outslept:
        raise NotReached("nobody had taken the work over from whoever was frozen")
    if situation is orphaned and not lasting:  # its batch had a dead sender before: it counts from this blow
        return aftermath(world, struck, job)
    return world.outcome(job, *world.seconds[job], limit=None if lasting else RECOVERY)


class Freezer(threading.Thread):
    """Lets whoever froze at a place go on, once its lease is over and somebody else has gone on with the Job.

    In a thread, because those who ask something of a frozen server wait for it.
    """

    def __init__(self, world: World, place: str) -> None:
        super().__init__(name=f"freezer at {place}", daemon=True)
        self.world, self.place = world, place
        first = place.partition(".")[0]
        self.who = next((who for who, words in REACHED_BY if first in words), "worker")
        self.leased = self.who not in LEASELESS and place not in ALL_DONE
        self.job: uuid.UUID | None = None
        # Whether somebody else took work of the Job's meanwhile.
        self.outslept = False
        self.missed: NotReached | None = None

    def run(self) -> None:
        try:
            pid = self.world.await_done(self.place)
            frozen = time.monotonic()
            self.world.fault(f"frozen at {self.place}", windows=int(self.who == "senders"))
            before: dict[object, int] = {}
            while time.monotonic() < frozen + LONGEST[self.who] and not self._gone_on(frozen):
                time.sleep(0.1)
                if self.job is not None:
                    now = self.world.watch.epochs(self.job)
                    before = now | before
                    self.outslept = any(now[name] > before[name] for name in now)
            self.world.cont(pid)
        except NotReached as missed:
            self.missed = missed

    def _gone_on(self, frozen: float) -> bool:
        if self.job is None or (self.leased and not self.outslept):
            return False
        return self.world.watch.moved(self.job) > frozen + LEASE

    def thaw(self, job: uuid.UUID) -> None:
        """Wait until it goes on. Raises NotReached."""
        self.job = job
        self.join()
        if self.missed:
            raise self.missed


def register() -> None:
    for place, what in PLACES.items():
        if place.partition(".")[0] in RESTORED + WANTED + EVERYBODY + AWAY:
            continue
        situations = SITUATIONS.get(place.partition(".")[0], (launched,))
        for action, house in ACTIONS.items():
            for number, situation in enumerate(situations):
                name = f"{action} at {place}" + (f", {situation.__name__}" if len(situations) > 1 else "")
                cases.add(
                    Case(
                        name=name,
                        tells=f"{situation.__doc__}; {action} where {what}",
                        run=partial(run, place, action, situation),
                        fast=place in FAST[action] and number == 0,
                        alone=False,
                        house=house,
                    )
                )


register()
