"""The state machine: whatever people, workers, senders, wire and clocks may do, in any order; promises after each.

Everything stands still while one thing moves, so a schedule can be repeated. Workers and senders may be stopped in
the middle of what they do, and go on, or die, any time later.
"""

import sys

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jobs.states import Wish
from tests.races import resting
from tests.races.alarms import Alarm
from tests.races.cloud_hand import PLACES as SENDER_PLACES
from tests.races.moves import MOST_JOBS, MOVES, Move, chosen
from tests.races.schedule import Schedule
from tests.races.watching import Watch
from tests.races.wire import Fault
from tests.races.world import Launched, World

# How far the first Job is before the moves begin, so that late stages are raced in as often as early ones.
STAGES = ("launched", "frozen", "submitted", "sending", "sent", "collecting", "paused")


# What by itself changes nothing that a promise is about.
UNSEEN = {"mail_server", "time_passes"}


class Machine(RuleBasedStateMachine):
    """Leads a `Schedule`."""

    def __init__(self, world: World, alarm: Alarm) -> None:
        super().__init__()
        self.world = world
        alarm.heard.clear()
        world.empty()
        self.schedule = Schedule(world, Watch(world, alarm))
        self.moved = True

    def teardown(self) -> None:
        """With everything up again all comes to rest; after a failure nobody is left behind."""
        try:
            if sys.exc_info()[0] is None:
                resting.rest(self.schedule)
        finally:
            self.schedule.abandon()

    @initialize(stage=st.sampled_from((*STAGES, "submitted", "submitted")))
    def begin(self, stage: str) -> None:
        """A Job, some way along."""
        schedule, launched = self.schedule, self.schedule.launch()
        courses = {
            "frozen": lambda: schedule.work(launched, "initializing"),
            "submitted": lambda: schedule.work(launched, "processing"),
            "sending": lambda: schedule.send(0, SENDER_PLACES.index("intents.after")),
            "sent": lambda: schedule.hand(0).send_all(),
            "collecting": lambda: schedule.work(launched, "processing", forced=True),
            "paused": lambda: self.ask_and_tell(0, Wish.PAUSE, 1, Fault.NONE),
        }
        for name in STAGES[1 : STAGES.index(stage) + 1]:
            courses[name]()

    @rule(move=chosen(MOVES))
    def move(self, move: Move) -> None:
        name, arguments = move
        getattr(self, name)(**arguments)
        self.moved = name not in UNSEEN

    @invariant()
    def promises(self) -> None:
        if self.moved:
            self.schedule.watch.look(self.schedule.launched)

    def job(self, number: int) -> Launched:
        return self.schedule.launched[number % len(self.schedule.launched)]

    # --- somebody in the middle of something ----------------------------------------------------------------

    def worker_overtaken(self, job: int, which: str, number: int, passes: int, meanwhile: list[Move]) -> None:
        """A worker sleeps in the middle of a step; when others have done what they did, it goes on."""
        before = list(self.schedule.asleep)
        self.fall_asleep(job, which, number, passes, Fault.NONE)
        fresh = [one for one in self.schedule.asleep if one not in before]
        self._others(meanwhile)
        for one in fresh:
            if one in self.schedule.asleep:
                self.schedule.wake(self.schedule.asleep.index(one))

    def sender_overtaken(self, number: int, passes: int, meanwhile: list[Move], dies: bool) -> None:
        """The same with a sender of the Cloud's; or it dies there."""
        hand = self.schedule.hand(number)
        self.time_passes("Cloud's dues")
        self.schedule.send(number, passes)
        self._others(meanwhile)
        if hand.at:
            self.schedule.end_sender(number, killed=True) if dies else self.schedule.send(number)

    def _others(self, moves: list[Move]) -> None:
        self.moved = True
        for move in moves:
            self.promises()
            self.move(move)
        self.promises()

    # --- people ---------------------------------------------------------------------------------------------

    def launch(self, rate: int | None) -> None:
        if len(self.schedule.launched) < MOST_JOBS:
            self.schedule.launch(rate)

    def launch_again(self, job: int, by: int) -> None:
        """The form of a launch is sent once more."""
        self.schedule.launch_again(self.job(job), self.world.people[by])

    def delete(self, job: int, by: int) -> None:
        self.schedule.delete(self.job(job), self.world.people[by])

    def ask(self, job: int, wish: Wish, by: int, back: int) -> None:
        self.schedule.ask(self.job(job), wish, self.world.people[by], back)

    def ask_and_tell(self, job: int, wish: Wish, by: int, fault: Fault) -> None:
        """The usual course: an Ask, and a worker that tells the Cloud of it."""
        if self.schedule.ask(self.job(job), wish, self.world.people[by]):
            self.schedule.work(self.job(job), "controlling", fault=fault)

    # --- recipients -----------------------------------------------------------------------------------------

    def leave(self, job: int, number: int) -> None:
        self.schedule.leave(self.job(job), number)

    # --- the dashboard's workers ----------------------------------------------------------------------------

    def work(self, job: int, which: str, number: int, forced: bool, fault: Fault) -> None:
        launched = self.job(job)
        kind = self.schedule.kind(launched, which, number)
        self.schedule.work(launched, kind, forced=forced, fault=fault, fault_skip=number % 3)

    def fall_asleep(self, job: int, which: str, number: int, passes: int, fault: Fault) -> None:
        """A worker begins the step, and sleeps in the middle of it if it passes so many places."""
        launched = self.job(job)
        kind = self.schedule.kind(launched, which, number)
        self.schedule.work(launched, kind, forced=True, passes=passes, fault=fault, fault_skip=1)

    def wake_up(self, number: int, dies: bool) -> None:
        if self.schedule.asleep:
            self.schedule.wake(number, dies=dies)

    # --- the Cloud's senders, and the mail server -----------------------------------------------------------

    def send(self, number: int, passes: int, stops: bool) -> None:
        self.schedule.send(number, passes if stops else None)

    def end_sender(self, number: int, passes: int, killed: bool) -> None:
        """In the middle of a step, if there is one to be taken."""
        if self.schedule.hand(number).at is None:
            self.schedule.send(number, passes)
        self.schedule.end_sender(number, killed=killed)

    def mail_server(self, mood: str) -> None:
        self.world.receiver.mood = mood

    # --- the wire, and the clocks ---------------------------------------------------------------------------

    def old_word(self, number: int) -> None:
        """What the dashboard once said reaches the Cloud once more, or only now."""
        self.schedule.say_again(number)

    def old_page(self, number: int) -> None:
        """What the Cloud once told reaches the dashboard once more."""
        self.schedule.tell_again(number)

    def time_passes(self, clock: str) -> None:
        """Leases run out, what was put off is due, or collecting windows end."""
        self.schedule.pass_time(clock)
