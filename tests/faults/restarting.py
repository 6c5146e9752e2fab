"""Ends a whole house as a person does, and starts it again on its data."""

import time

from tests.faults.world import World


def end(world: World) -> int:
    """The exit code of `up`."""
    code = world.house.stop()
    forget_what_it_said(world)
    return code


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
