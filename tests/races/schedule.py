"""One schedule: what was launched, who works on it and sleeps at it, and what was seen; promises after every move."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.contrib.auth.models import User

from accelerator import leases
from accelerator.protocol import Addresses, address_key
from campaigns.launching import NotLaunchable
from jobs import control, notices, states, steps
from jobs.control import AskRefused, DeleteRefused
from jobs.models import Job, Notice, Step
from jobs.results import facts
from jobs.states import State, Wish
from tests.races.hands import Hand
from tests.races.watching import Watch
from tests.races.wire import Fault
from tests.races.workers import Worker
from tests.races.world import BATCH, PEOPLE, Launched, World

NOTICE = "notice"  # beside the kinds of steps: the hand-over of a notification mail
SENDERS = 2
MOST_ASLEEP = 3  # workers; each holds a database connection


@dataclass
class Asleep:
    """A worker that stands in the middle of a step, and the epoch under which it claimed it."""

    worker: Worker
    launched: Launched
    kind: str
    epoch: int


@dataclass
class Schedule:
    """Moves, one at a time."""

    world: World
    watch: Watch
    launched: list[Launched] = field(default_factory=list)
    asleep: list[Asleep] = field(default_factory=list)
    hands: dict[int, Hand] = field(default_factory=dict)
    deaths: int = 0  # of senders that stood in the middle of a step, or slept past their lease there

    # --- the dashboard's workers ----------------------------------------------------------------------------

    def work(
        self,
        launched: Launched,
        kind: str,
        *,
        forced: bool = False,
        passes: int | None = None,
        fault: Fault = Fault.NONE,
        fault_skip: int = 0,
    ) -> None:
        """A worker is woken for a step of the Job, whether it is due or not; `forced`: it is, whoever has it.

        It falls asleep where it can, after it has passed so many places (None: it does not).
        """
        step = _step(launched, kind)
        if step is None:
            return
        if forced and isinstance(step, Step):
            leases.wake(Step.objects.filter(pk=step.pk))
        run = notices.hand_over if kind == NOTICE else steps.run
        room = len(self.asleep) < MOST_ASLEEP
        worker = Worker(
            partial(run, step.pk),
            self.world.wire,
            passes=passes if room else None,
            fault=fault,
            fault_skip=fault_skip,
        ).begin()
        if worker.at is not None:
            step.refresh_from_db(fields=["epoch"])
            self.asleep.append(Asleep(worker, launched, kind, step.epoch))

    def wake(self, number: int, *, dies: bool = False) -> None:
        """A worker that slept goes on, or is killed. 10: if its step was taken away meanwhile, nothing changes."""
        one = self.asleep.pop(number % len(self.asleep))
        step = _step(one.launched, one.kind)
        lost = step is None or step.epoch != one.epoch
        before = _rows(one.launched.job)
        (one.worker.kill if dies else one.worker.finish)()
        if lost or dies:
            assert _rows(one.launched.job) == before, "a worker that slept past its lease changed something"

    def kind(self, launched: Launched, which: str, number: int) -> str:
        """The step of the Job's state, the talk about its Asks, or any that it has had."""
        job = launched.job
        had = [*Step.objects.filter(job=job).order_by("kind").values_list("kind", flat=True), NOTICE]
        if which == "stage" and job.state in had:
            return job.state
        if which == "stage":
            return "collecting"
        return had[number % len(had)] if which == "any" else which

    # --- people ---------------------------------------------------------------------------------------------

    def launch(self, rate: int | None = None) -> Launched:
        launched = self.world.plan(rate=rate)
        launched.launch(self.world.people[0])
        self.launched.append(launched)
        return launched

    def launch_again(self, launched: Launched, by: User) -> None:
        """13: the same form is the same Job, whoever sends it again and whatever became of it."""
        job = launched.job
        refusal = refused(partial(launched.launch, by))
        assert bool(refusal) == (job.deleted_at is not None)
        assert launched.job_id == job.pk
        assert launched.campaign.launches.count() == 1

    def delete(self, launched: Launched, by: User) -> None:
        """Only what rests, and only once."""
        job = launched.job
        may = job.state in states.TERMINAL and job.deleted_at is None
        assert bool(refused(partial(control.delete, job, by=by))) != may

    def ask(self, launched: Launched, wish: Wish, by: User, back: int = 0) -> bool:
        """A person asks, by a page that is `back` changes old; whether it was taken. Refused, it changes nothing."""
        job = launched.job
        seen = max(0, job.version - back)
        waiting = control.pending(job)
        offered = wish in states.offers(State(job.state), Wish(waiting.wish) if waiting else None)
        again = job.asks.filter(number=job.last_ask, wish=wish, by=by, seen_version=seen).exists()
        before = _rows(job)
        refusal = refused(partial(control.ask, job, wish, by=by, seen=seen))
        assert bool(refusal) != (again or (offered and seen == job.version)), (
            refusal or "neither offered nor fresh"
        )
        if refusal or again:
            assert _rows(job) == before, "a refused Ask, or a second click, changed something"
        return not refusal

    # --- recipients -----------------------------------------------------------------------------------------

    def leave(self, launched: Launched, number: int) -> None:
        """Somebody wants no more mail: a person, or a page of the Cloud's, puts them on the suppression list."""
        name = PEOPLE[number % len(PEOPLE)] or PEOPLE[0]
        address = f"{name}@{launched.domain}"
        self.world.cloud.suppress(Addresses(addresses=[address]))
        self.watch.gone.add(address_key(address))

    # --- the wire -------------------------------------------------------------------------------------------

    def say_again(self, number: int) -> None:
        """An old word reaches the Cloud once more, or only now."""
        words = self.world.wire.words
        if words:
            self.world.wire.say_again(words[number % len(words)], self.world.url, int(time.time()))

    def tell_again(self, number: int) -> None:
        """An old page of events reaches the dashboard once more."""
        pages = [(path, page) for path, page in self.world.wire.pages if page.events]
        if pages:
            path, page = pages[number % len(pages)]
            key = uuid.UUID(path.split("/")[3])
            facts.store(Job.objects.get(pk=key), page)

    # --- the Cloud's senders --------------------------------------------------------------------------------

    def hand(self, number: int) -> Hand:
        """A living sender."""
        if number not in self.hands or not self.hands[number].alive:
            self.hands[number] = Hand(self.world.hand)
        return self.hands[number]

    def send(self, number: int, passes: int | None = None) -> None:
        """A sender takes a step, or goes on where it stands; it stops behind so many places (None: it does not)."""
        hand = self.hand(number)
        (hand.go if hand.at else hand.step)(passes)

    def end_sender(self, number: int, *, killed: bool) -> None:
        hand = self.hand(number)
        if killed:
            self.deaths += hand.at is not None
            hand.kill()
        else:
            hand.end()

    def pass_time(self, clock: str) -> None:
        if clock == "Cloud's leases":
            self.deaths += sum(hand.at is not None for hand in self.hands.values())
        self.world.pass_time(clock)

    def abandon(self) -> None:
        """Nobody is left in the middle of anything."""
        for one in self.asleep:
            one.worker.abandon()
        for hand in self.hands.values():
            if hand.alive:
                hand.kill()

    def unknown(self, launched: Launched) -> None:
        """7: as many as there were lines cut behind the final dot, and no more than deaths can explain."""
        last = self.watch.last[launched.job_id]
        cuts = sum(1 for key in last.received if key.startswith("dropafterdot"))
        unknown = len(last.intents.get("unknown", ()))
        assert cuts <= unknown <= cuts + self.deaths * BATCH


def refused(call: Callable[[], object]) -> str:
    """The sentence by which somebody was refused; empty if they were not."""
    try:
        call()
    except (AskRefused, DeleteRefused, NotLaunchable) as refusal:
        sentence = str(refusal)
        assert sentence.endswith("."), sentence
        return sentence
    return ""


def _step(launched: Launched, kind: str) -> Step | Notice | None:
    if kind == NOTICE:
        return Notice.objects.filter(job=launched.job_id).first()
    return Step.objects.filter(job=launched.job_id, kind=kind).first()


def _rows(job: Job) -> list[object]:
    """Everything that the dashboard has of a Job."""
    related = (job.transitions, job.asks, job.steps, job.batches, job.tallies)
    rows: list[object] = [list(manager.order_by("pk").values()) for manager in related]
    rows += [list(Notice.objects.filter(job=job).values()), job.events.count()]
    return [*rows, Job.objects.filter(pk=job.pk).values().get()]
