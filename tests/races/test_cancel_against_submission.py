"""A Cancel against the freeze and the submission, at every instant there is: exactly one of them wins.

An instant lies before a statement, a commit or a request of the worker's, or behind an answer. The worker stands
there while somebody cancels; where the cancel has to wait for a lock of the worker's, that one goes on meanwhile.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.core.files.storage import storages
from django.db import connection

from accelerator.protocol import MailingRequest, MailingState
from jobs import control, steps
from jobs.client import CloudRefused
from jobs.control import AskRefused
from jobs.states import Cause, Failure, State, Wish
from tests.contract.caller import Submission
from tests.jobs import cast
from tests.races import alarms, pictures, promises
from tests.races.alarms import Alarm
from tests.races.length import LONG
from tests.races.pictures import Picture
from tests.races.workers import Worker
from tests.races.world import Launched, World

ENOUGH = ("ann",)  # and somebody: one batch
# Races of each of the two in the long run; those beyond one at every instant let both go at about the same time.
ROUNDS = 1_000
JITTER = 0.005  # seconds at most between the two

BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


@dataclass
class Race:
    """What a worker does, what is asked meanwhile, and who has won so far."""

    world: World
    alarm: Alarm
    before: tuple[str, ...]  # steps that were run before
    kinds: tuple[str, ...]  # those of the worker that is raced with
    cancel: Callable[[Launched], str]
    judge: Callable[[Picture, str], str]
    wins: set[str] = field(default_factory=set)

    def launch(self) -> Launched:
        self.world.empty()
        launched = self.world.plan(ENOUGH)
        launched.launch(self.world.people[0])
        run(launched, self.before)
        return launched

    def instants(self) -> list[str]:
        """Those of the worker, if nobody asks anything."""
        launched = self.launch()
        return Worker(lambda: run(launched, self.kinds), self.world.wire).begin().instants

    def at(self, instant: int, chance: random.Random | None = None) -> None:
        """Cancel while the worker stands before the instant; with `chance`, both go on at about the same time."""
        launched = self.launch()
        worker = Worker(lambda: run(launched, self.kinds), self.world.wire, instant=instant).begin()
        asker = Worker(lambda: self.cancel(launched), self.world.wire)
        asker.start()
        if chance is None:
            wait_until_blocked(asker)
        else:
            time.sleep(chance.random() * JITTER)
        worker.finish()
        asker.wait()
        try:
            assert not self.alarm.heard, self.alarm.heard
            assert not self.world.wire.mistakes, self.world.wire.mistakes
            now = pictures.take(self.world, launched, self.world.people[-1])
            promises.always(now)
            self.wins.add(self.judge(now, str(asker.result)))
        except BaseException as error:
            error.add_note(f"instant {instant}, before {worker.instants[instant : instant + 1]}")
            raise

    def all(self, count: int) -> None:
        """Every instant once; in the long run again and again by chance."""
        for instant in range(count):
            self.at(instant)
        chance = random.Random()  # noqa: S311 - no secret
        for _ in range(ROUNDS - count if LONG else 0):
            self.at(chance.randrange(count), chance)


def run(launched: Launched, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        for step in launched.job.steps.filter(kind=kind):
            steps.run(step.pk)


def wait_until_blocked(asker: Worker) -> None:
    """Until it has ended, or waits for a lock."""
    while asker.alive:
        with connection.cursor() as cursor:
            cursor.execute(BLOCKED, [asker.backend])
            if cursor.fetchone()[0]:
                return
        time.sleep(0.001)


def test_of_an_extraction_cancel_and_the_freeze_exactly_one_wins(world: World) -> None:
    """The person saw Initializing. Either nobody ever hears of the Job, or the person is told that it is too late."""

    def cancel(launched: Launched) -> str:
        try:
            return control.ask(launched.job, Wish.CANCEL, by=world.people[1], seen=0).message
        except AskRefused as refusal:
            return str(refusal)

    def judge(now: Picture, told: str) -> str:
        if now.job.state != State.FAILED:
            assert told.startswith("Too late for an Extraction Cancel")
            assert not now.asks
            assert now.ledger[1].cause == Cause.FREEZE
            return "freeze"
        assert told.startswith("Cancelled during extraction.")
        assert (now.job.failure, now.job.version) == (Failure.EXTRACTION_CANCELLED, 1)
        assert now.notice is not None
        assert now.status is None
        assert not list(_spooled(now))
        return "cancel"

    with alarms.listening() as alarm:
        race = Race(world, alarm, (), ("initializing", "processing"), cancel, judge)
        race.all(race.instants().index("answer") + 1)
    assert race.wins == {"cancel", "freeze"}


def test_of_a_cancel_after_the_freeze_and_the_submission_exactly_one_wins(world: World) -> None:
    """Pause and Cancel while a worker submits. Either the Cloud has never accepted the Job, and never will, or it is a
    Job Cancel with a Request ID."""

    def cancel(launched: Launched) -> str:
        for wish in (Wish.PAUSE, Wish.CANCEL):
            job = launched.job
            control.ask(job, wish, by=world.people[1], seen=job.version)
            steps.run(cast.step(job, "controlling").pk)
        return ""

    def judge(now: Picture, _told: str) -> str:
        assert now.job.state == State.FAILED
        assert now.status is not None
        assert not now.received
        if now.job.failure == Failure.CANCELLED:
            assert now.job.request_id
            return "submission"
        assert now.notice is not None
        assert now.status.state is MailingState.UNKNOWN
        with pytest.raises(CloudRefused) as refused:
            world.cloud.submit(now.job.pk, MailingRequest.model_validate(Submission().document()))
        assert refused.value.status == 410
        return "cancel"

    with alarms.listening() as alarm:
        race = Race(world, alarm, ("initializing",), ("processing",), cancel, judge)
        race.all(len(race.instants()))
    assert race.wins == {"cancel", "submission"}


def _spooled(now: Picture) -> list[str]:
    """Files of the Job that are left in the spool."""
    spool = storages["spool"]
    if not spool.exists(str(now.job.pk)):
        return []
    folders, files = spool.listdir(str(now.job.pk))
    return [*files, *(name for folder in folders for name in spool.listdir(f"{now.job.pk}/{folder}")[1])]
