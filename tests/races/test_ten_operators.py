"""Ten people, each with a page of their own, at one Job at once; two workers and two senders carry it meanwhile."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User
from django.db import connections

from campaigns.launching import NotLaunchable
from jobs import control, notices, steps
from jobs.control import AskRefused, DeleteRefused
from jobs.models import Job
from jobs.states import TERMINAL, State, Wish
from tests.jobs import cast
from tests.races import alarms, pictures, promises
from tests.races.alarms import Alarm
from tests.races.hands import Hand
from tests.races.length import so_many
from tests.races.world import Launched, World

OPERATORS, WORKERS = 10, 2
PARTS = 4  # that can run side by side
ASKS = 5  # of each operator
PATIENCE = 60.0  # seconds until a schedule that does not end is a mistake

# What an operator does, as often as it stands here. Cancel and delete are for good, so they are rare.
WISHES: tuple[Wish | str, ...] = (
    *[Wish.PAUSE] * 8,
    *[Wish.RESUME] * 8,
    *[Wish.CANCEL] * 2,
    "delete",
    "launch again",
)

# How far the Job is when they begin: steps that were run.
BEGINNINGS: tuple[tuple[str, ...], ...] = ((), ("initializing",), ("initializing", "processing"))


@dataclass
class Told:
    """What the operators were told."""

    asks: list[int] = field(default_factory=list)  # acknowledged
    refusals: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_ten_operators_ask_at_once_the_ledger_is_one_valid_path(world: World, part: int) -> None:
    operators = [cast.person(f"operator{number}", cast.account()) for number in range(OPERATORS)]
    with alarms.listening() as alarm:
        for seed in range(part, so_many(24, long=500), PARTS):
            world.empty()
            play(world, alarm, operators, seed)


def play(world: World, alarm: Alarm, operators: list[User], seed: int) -> None:
    """One schedule: all of them at once, until they are done; then the Job is seen to its end."""
    launched = world.plan(("ann", "reject", "dropafterdot", "ben"))
    launched.launch(operators[0])
    for kind in BEGINNINGS[seed // PARTS % len(BEGINNINGS)]:
        steps.run(cast.step(launched.job, kind).pk)
    told, done = Told(), threading.Event()
    senders = [Hand(world.hand) for _ in range(2)]
    for sender in senders:
        sender.free()
    people = [
        _thread(told, operate, launched, by, chance(seed, number), told)
        for number, by in enumerate(operators)
    ]
    workers = [_thread(told, carry, launched, done) for _ in range(WORKERS)]
    for thread in people:
        thread.join(PATIENCE)
    see_to_its_end(world, launched, operators[0], told)
    done.set()
    for thread in workers:
        thread.join(PATIENCE)
    for sender in senders:
        sender.stop()
        sender.close()
    about = f"schedule {seed}"
    assert not any(thread.is_alive() for thread in (*people, *workers)), f"{about}: somebody hangs"
    assert not told.errors, (about, told.errors)
    assert not alarm.heard, (about, alarm.heard)
    assert not world.wire.mistakes, (about, world.wire.mistakes)
    judge(world, launched, told)


def chance(seed: int, number: int) -> random.Random:
    """What an operator of a schedule does is the same every time; who is first is not."""
    return random.Random(f"{seed}/{number}")  # noqa: S311 - no secret


def operate(launched: Launched, by: User, chance: random.Random, told: Told) -> None:
    """One person, who now and then looks at the page again, and presses what comes to mind."""
    page = launched.job
    for _ in range(ASKS):
        if chance.random() < 0.7:
            page = launched.job
        if chance.random() < 0.3:
            time.sleep(chance.random() / 20)  # to think
        press(launched, page, by, chance.choice(WISHES), told)
        connections.close_all()


def press(launched: Launched, page: Job, by: User, wish: Wish | str, told: Told) -> None:
    try:
        if isinstance(wish, Wish):
            told.asks.append(control.ask(page, wish, by=by, seen=page.version).ask.pk)
        elif wish == "delete":
            control.delete(page, by=by)
            told.deleted.append(by.username)
        else:
            assert launched.launch(by).pk == page.pk
    except (AskRefused, DeleteRefused, NotLaunchable) as refusal:
        told.refusals.append(str(refusal))


def carry(launched: Launched, done: threading.Event) -> None:
    """A worker: whatever the Job has due, like one that is woken by the sweep."""
    while not done.is_set():
        due = steps.due_of(launched.job_id)
        for pk, _ in due:
            steps.run(pk)
        for pk in notices.due(launched.job_id):
            notices.hand_over(pk)
        connections.close_all()
        if not due:
            done.wait(0.03)


def see_to_its_end(world: World, launched: Launched, by: User, told: Told) -> None:
    """The last of them resumes what is Paused; windows end, until the Job rests."""
    until = time.monotonic() + PATIENCE
    while not told.errors:
        job = launched.job
        if job.state in TERMINAL and not job.steps.filter(due_at__isnull=False).exists():
            return
        world.pass_time("dashboard's dues", "Cloud's dues", "windows")
        if job.state == State.PAUSED and control.pending(job) is None:
            press(launched, job, by, Wish.RESUME, told)
        assert time.monotonic() < until, f"the Job does not come to rest: {job.state}"
        time.sleep(0.02)


def judge(world: World, launched: Launched, told: Told) -> None:
    """Every promise at the end; and what people were told is what happened."""
    now = pictures.take(world, launched, world.people[-1])
    promises.always(now)
    promises.at_rest(now)
    assert sum(line.target in TERMINAL for line in now.ledger) == 1
    # Every Ask that is stored was acknowledged, and the other way round; each was settled, once.
    assert {ask.pk for ask in now.asks} == set(told.asks)
    assert all(ask.outcome in ("granted", "withdrawn", "lapsed") for ask in now.asks)
    assert all(refusal.endswith(".") for refusal in told.refusals)
    assert len(told.deleted) == (now.job.deleted_at is not None)
    assert launched.campaign.launches.count() == 1
    unknown = len(now.intents.get("unknown", ()))
    assert unknown == sum(1 for key in now.received if key.startswith("dropafterdot"))


def _thread(told: Told, work: Callable[..., None], *arguments: object) -> threading.Thread:
    def run() -> None:
        try:
            work(*arguments)
        except BaseException as error:  # noqa: BLE001 - it is told with the schedule
            told.errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread
