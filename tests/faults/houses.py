"""The kinds of house that cases run in: each is started once for all of its cases."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.clocked import Clocked
from tests.faults.forgetful import Forgetful
from tests.faults.lined import Lined
from tests.faults.restorable import Restorable
from tests.faults.tight import Tight
from tests.faults.world import World

# Leases of four seconds, so that a frozen process outsleeps its own soon.
HASTY = {"STEP_LEASE": "4", "SENDING_LEASE": "4"}


@contextlib.contextmanager
def usual(folder: Path) -> Iterator[World]:
    """As people run it: default leases. What is killed must go on within 30 s here."""
    world = World(folder)
    try:
        yield world
    finally:
        world.close()


@contextlib.contextmanager
def hasty(folder: Path) -> Iterator[World]:
    """One whose frozen processes outsleep their leases soon."""
    world = World(folder, **HASTY)
    try:
        yield world
    finally:
        world.close()


@contextlib.contextmanager
def of(kind: Callable[[Path], World], folder: Path) -> Iterator[World]:
    """One whose kind says by itself what is special about it."""
    world = kind(folder)
    try:
        yield world
    finally:
        world.close()


HOUSES: dict[str, Callable[[Path], contextlib.AbstractContextManager[World]]] = {
    "usual": usual,
    "hasty": hasty,
    "lined": partial(of, Lined),
    "forgetful": partial(of, Forgetful),
    "clocked": partial(of, Clocked),
    "tight": partial(of, Tight),
    "restorable": partial(of, Restorable),
}
