"""Somebody who kills: a sender, or a whole worker, at moments that chance has chosen before."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults import staff

SENDING = ("cloud worker 1", "cloud worker 2")
OTHERS = ("worker", "asks", "extractor")
# This share of the kills, and one at least, meets a whole worker that sends, or one of the dashboard; others a sender.
WHOLE, DASHBOARD = 0.2, 0.1
# Seconds that a worker is left alone after its death: `up` gives up on what dies again and again right after its start.
SPARED = 15.0


@dataclass
class Killer:
    """Strikes when so many messages were accepted as `moments` say. `senders`: how many have died by it."""

    up: int
    moments: Sequence[int]
    chance: random.Random
    before: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.left = sorted(self.moments)
        self.victims = victims(len(self.left), self.chance)
        self.senders = self.workers = self.struck = 0
        self._killed: dict[str, float] = {}

    def tick(self, accepted: int) -> None:
        """At most one at a time: whoever is started again may be the next."""
        if not self.left or accepted < self.left[0]:
            return
        among = self.victims[-1]
        hit = (bool(among) and self._worker(self.chance.choice(among))) or self._sender()
        if hit:
            self.left.pop(0)
            self.victims.pop()
            self.struck += 1

    def _sender(self) -> bool:
        living = [pid for name in SENDING for pid in self._children(name)]
        if not living:
            return False
        pid = self.chance.choice(living)
        self.before()
        died = staff.send(pid, signal.SIGKILL)
        self.senders += died
        return died

    def _worker(self, name: str) -> bool:
        """Its children die with it, which Celery has asked the kernel for."""
        found = staff.find(self.up, name)
        if not found or time.monotonic() < self._killed.get(name, float("-inf")) + SPARED:
            return False
        self.before()
        staff.send(found[0], signal.SIGSTOP)  # it forks no more: these are all
        senders = len(self._children(name)) if name in SENDING else 0
        if not staff.send(found[0], signal.SIGKILL):
            return False
        self._killed[name] = time.monotonic()
        self.senders += senders
        self.workers += 1
        return True

    def _children(self, name: str) -> list[int]:
        return [pid for pid in staff.find(self.up, f"{name} child") if not staff.dead(pid)]


def victims(kills: int, chance: random.Random) -> list[tuple[str, ...]]:
    """For each kill among which workers one dies; nothing: a sender dies. In any order."""
    whole, dashboard = (max(1, round(kills * share)) for share in (WHOLE, DASHBOARD))
    kinds: list[tuple[str, ...]] = [SENDING] * whole + [OTHERS] * dashboard
    kinds = (kinds + [()] * kills)[:kills]
    chance.shuffle(kinds)
    return kinds
