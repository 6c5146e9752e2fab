"""A house whose processes have clocks of their own: those of one side can be set while they run."""

from pathlib import Path

from tests.faults.reaching import reached
from tests.faults.world import World

SHIFTED = Path(__file__).parent / "shifted"
# Who heeds which file; with those that they forked.
HEEDING = {
    "dashboard": ("web", "asks", "worker", "extractor", "beat"),
    "cloud": ("cloud", "cloud worker 1", "cloud worker 2", "cloud beat"),
    "workers": ("asks", "worker", "extractor", "cloud worker 1", "cloud worker 2"),
}


class Clocked(World):
    """`set_clock` sets those of "dashboard", "cloud" or "workers"."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.clocks = folder / "clocks"
        (self.clocks / "seen").mkdir(parents=True)
        told = {"PYTHONPATH": str(SHIFTED), "CLOCKS": str(self.clocks)}
        super().__init__(folder, **(told | settings))

    def set_clock(self, who: str, ahead: float) -> None:
        """Returns when all of them have it. Raises NotReached. Whoever was logged in by another clock logs in anew."""
        unfinished = self.clocks / f"{who}.unfinished"
        unfinished.write_text(str(ahead))
        unfinished.rename(self.clocks / who)
        reached(lambda: self._heeded(who), f"the clocks of {who} are {ahead:.0f} s ahead")
        self.person.log_in()

    def _heeded(self, who: str) -> bool:
        for name in HEEDING[who]:
            pids = [*self.processes(name), *self.processes(f"{name} child")]
            wanted = sum(self._told(file) for file, names in HEEDING.items() if name in names)
            if not pids or any(self._ahead(pid) != round(wanted) for pid in pids):
                return False
        return True

    def _told(self, who: str) -> float:
        path = self.clocks / who
        return float(path.read_text()) if path.exists() else 0.0

    def _ahead(self, pid: int) -> int | None:
        """As the process itself has noted."""
        try:
            return int((self.clocks / "seen" / str(pid)).read_text())
        except (OSError, ValueError):
            return None
