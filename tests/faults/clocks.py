"""Clocks that are wrong by hours and weeks, and that jump: one side's, the other's, those of all workers."""

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from tests.faults import cases, everyday
from tests.faults.cases import Case, Outcome, case
from tests.faults.clocked import HEEDING, Clocked
from tests.faults.people import STEADY
from tests.faults.world import RECOVERY, SETTINGS, World

HOUR, DAY = 3600.0, 86_400.0
WRONG = {"two hours ahead": 2 * HOUR, "two hours behind": -2 * HOUR, "forty days ahead": 40 * DAY}
# Where the clocks stand one after the other while a Job is sent.
JUMPS: tuple[Mapping[str, float], ...] = (
    {"dashboard": 2 * HOUR},
    {"cloud": -2 * HOUR},
    {"workers": 40 * DAY},
    {"dashboard": -2 * HOUR, "cloud": 40 * DAY, "workers": 0},
    {"dashboard": 0, "cloud": 0},
)


def wrong(who: str, ahead: float, world: World) -> Outcome:
    """An ordinary day by a clock that is wrong; the window ends by that of the database."""
    assert isinstance(world, Clocked)
    world.set_clock(who, ahead)
    try:
        outcome = world.outcome(*everyday.day(world))
    finally:
        world.set_clock(who, 0)
    for job in outcome.jobs:
        right_window(world, job)
    return outcome


@case("clocks jump while a Job is sent", house="clocked")
def jumping(world: World) -> Outcome:
    """All clocks jump, by hours and weeks, there and back, in the middle of it."""
    assert isinstance(world, Clocked)
    jobs = [world.launch(STEADY)]
    world.wait_until_sent(jobs[0], 5)
    try:
        for jump in JUMPS:
            for who, ahead in jump.items():
                world.set_clock(who, ahead)
            time.sleep(1)
            jobs.append(world.launch(STEADY))
    finally:
        for who in HEEDING:
            world.set_clock(who, 0)
    outcome = world.outcome(*jobs)
    for job in jobs:
        right_window(world, job)
    return outcome


def right_window(world: World, job: uuid.UUID) -> None:
    """From the last first attempt to the end it took as long as it should, by the database's clock."""
    sql = "SELECT at FROM jobs_transition WHERE job_id = %s AND target IN ('collecting', 'completed') ORDER BY number"
    if world.state(job) != "completed":
        return
    (began,), *_, (ended,) = world.dashboard(sql, job)
    assert isinstance(began, datetime)
    assert isinstance(ended, datetime)
    window = float(SETTINGS["COLLECTING_WINDOW"].rstrip("s"))
    took = (ended - began).total_seconds()
    assert window <= took <= window + RECOVERY, f"a window of {window:.0f} s took {took:.1f} s"


for _who in HEEDING:
    for _how, _ahead in WRONG.items():
        cases.add(
            Case(
                name=f"clocks of {_who} {_how}",
                tells=wrong.__doc__ or "",
                run=partial(wrong, _who, _ahead),
                house="clocked",
            )
        )
