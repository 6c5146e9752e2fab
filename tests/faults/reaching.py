"""Waits until a fault has taken hold; a case whose fault did not happen proves nothing."""

import contextlib
import uuid
from collections.abc import Callable, Iterator

from tests.faults.cases import NotReached
from tests.faults.world import PATIENCE, World
from tests.journeys.house import until


def reached(look: Callable[[], object], what: str, within: float = PATIENCE) -> None:
    """Until it is seen. Raises NotReached."""
    try:
        until(look, what, within)
    except AssertionError as error:
        raise NotReached(str(error)) from error


def said(world: World, log: str, words: str) -> int:
    """How often the words stand in a log of the house."""
    path = world.house.folder / log
    return path.read_text(errors="replace").count(words) if path.exists() else 0


def heard(world: World, log: str, words: str, before: int) -> None:
    """Until they stand there more often. Raises NotReached."""
    reached(lambda: said(world, log, words) > before, f"{log} says: {words}")


@contextlib.contextmanager
def held_at(world: World, job: uuid.UUID, place: str) -> Iterator[None]:
    """Whoever comes to the place with this Job stands still there meanwhile. Raises NotReached."""
    world.arm(place, "stop", about=job)
    pid = world.await_done(place)
    world.fault(f"held at {place}")
    try:
        yield
    finally:
        world.cont(pid)
