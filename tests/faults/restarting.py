"""Ends a whole house as a person does, and starts it again on its data."""

import time
from pathlib import Path

from tests.faults import staff
from tests.faults.world import World
from tests.journeys.house import until


def end(world: World) -> int:
    """The exit code of `up`."""
    code = world.house.stop()
    forget_what_it_said(world)
    return code


def kill(world: World) -> None:
    """`up` is killed; returns when whatever it had started has ended too."""
    up = world.house.process
    assert up is not None
    started = [pid for name in staff.NAMES for pid in staff.find(up.pid, name)]
    up.kill()
    up.wait()
    until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in started),
        "all processes of up have ended",
        60,
    )
    forget_what_it_said(world)


def forget_what_it_said(world: World) -> None:
    """It is kept apart, so that nobody takes its old word for the new one's."""
    said = world.house.folder.parent / "up.txt"
    said.rename(said.with_name(f"up.{time.monotonic_ns()}.txt"))


def start(world: World, *options: str) -> None:
    """Returns when it is ready; `options` are those of `up`."""
    world.house.start(*options)


def restart(world: World) -> int:
    """Both; the exit code of the first."""
    code = end(world)
    start(world)
    return code
