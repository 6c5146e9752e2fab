"""Orders for the failpoints of a house (`accelerator.failpoints`): given, obeyed, taken back."""

import json
import threading
import time
import uuid
from pathlib import Path

from accelerator.failpoints import PLACES
from tests.faults.cases import NotReached

# Seconds that a case waits while another one has its order at the same place.
TURN = 120.0


class Orders:
    """The folder that FAILPOINTS names. One order a place at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "past").mkdir(parents=True, exist_ok=True)
        self._places = {place: threading.Lock() for place in PLACES}
        self.past: list[str] = []

    def give(
        self, place: str, action: str, skip: int = 0, about: uuid.UUID | None = None, times: int = 1
    ) -> None:
        """Appears whole or not at all. The place is ours until the order was obeyed or taken back."""
        assert self._places[place].acquire(timeout=TURN), f"nobody reaches {place} for another case"
        # One process may obey twice, and what it leaves has the same name.
        for path in self.folder.glob(f"{place}.*.done"):
            path.rename(self.folder / "past" / f"{len(self.past) + 1}.{path.name}")
            self.past.append(path.name)
        unfinished = self.folder / f"{place}.unfinished"
        said: dict[str, object] = {"action": action, "skip": skip, "times": times}
        said |= {"about": str(about)} if about else {}
        unfinished.write_text(json.dumps(said))
        unfinished.rename(self.folder / f"{place}.json")

    def waits(self, place: str) -> bool:
        """Whether an order stands there. (Not while somebody looks at it.)"""
        return (self.folder / f"{place}.json").exists()

    def obeyed(self, place: str) -> list[int]:
        """Whoever obeyed the order given last at the place."""
        done = [path for path in self.folder.glob(f"{place}.*.done") if not _skipped(path)]
        return [int(path.name.split(".")[-2]) for path in done]

    def await_obeyed(self, place: str, within: float) -> int:
        """Who obeyed the order given last. Raises NotReached, and the order is taken back."""
        deadline = time.monotonic() + within
        while not (obeyed := self.obeyed(place)):
            if time.monotonic() > deadline:
                self.take_back(place)
                raise NotReached(f"nobody came to {place} within {within:.0f} s")
            time.sleep(0.02)
        self.take_back(place)
        return obeyed[-1]

    def take_back(self, place: str) -> None:
        """The place is free for another order."""
        (self.folder / f"{place}.json").unlink(missing_ok=True)
        if self._places[place].locked():
            self._places[place].release()


def _skipped(path: Path) -> bool:
    """An order that is just being looked at, and stays for the next who comes."""
    try:
        return int(json.loads(path.read_text()).get("skip", 0)) > 0
    except (OSError, ValueError):
        return True
