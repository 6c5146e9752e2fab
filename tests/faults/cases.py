"""What a case is, and the list of all."""

import importlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.world import World

# Modules that hold cases; each registers its own when it is imported.
MODULES = (
    "tests.faults.places",
    "tests.faults.leaving",
    "tests.faults.killings",
    "tests.faults.cuts",
    "tests.faults.brokers",
    "tests.faults.clocks",
    "tests.faults.disks",
    "tests.faults.databases",
    "tests.faults.deployments",
    "tests.faults.restores",
)

# Cases that run at once in one house, where they may.
SIDE_BY_SIDE = 6


class NotReached(Exception):
    """The fault did not happen: the case proves nothing, and has failed."""


@dataclass(frozen=True)
class Outcome:
    """What a case did. `recovery`: seconds in which a Job stood still after the fault; at most `limit`."""

    jobs: tuple[uuid.UUID, ...]
    recovery: float | None = None
    limit: float | None = None

    @property
    def slow(self) -> bool:
        return self.recovery is not None and self.limit is not None and self.recovery > self.limit


Run = Callable[["World"], Outcome]


@dataclass(frozen=True)
class Case:
    """One fault in one situation. `house` is a name of `houses.HOUSES`; `alone`: nothing else runs meanwhile."""

    name: str
    tells: str
    run: Run
    fast: bool = False
    alone: bool = True
    house: str = "usual"


_registered: dict[str, Case] = {}


def case(name: str, *, fast: bool = False, alone: bool = True, house: str = "usual") -> Callable[[Run], Run]:
    """Registers a function as a case; its docstring says what it does."""

    def register(run: Run) -> Run:
        add(Case(name, (run.__doc__ or "").strip(), run, fast=fast, alone=alone, house=house))
        return run

    return register


def add(new: Case) -> None:
    """Registers a case."""
    assert new.name not in _registered, f"there are two cases of the name {new.name}"
    _registered[new.name] = new


def everything() -> list[Case]:
    """All cases, in the order in which they were registered."""
    for module in MODULES:
        importlib.import_module(module)
    return list(_registered.values())


def chosen(*texts: str, fast: bool = False) -> list[Case]:
    """Those whose name contains one of the texts (or all), and that are fast if only such are wanted."""
    return [
        one
        for one in everything()
        if any(text.lower() in one.name.lower() for text in texts or ("",)) and (one.fast or not fast)
    ]
