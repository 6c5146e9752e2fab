"""Which benchmarks there are."""

from collections.abc import Callable
from typing import Protocol

from accelerator.benches import extraction, launch, pause, sending, tracking, transfer
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage


class Bench(Protocol):
    """A module with these: what it measures in a line, how often, for how many recipients, and the measuring."""

    SUMMARY: str
    ROUNDS: int
    RECIPIENTS: int

    def run(self, stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
        """Measure. Raises Missing, BenchFailed."""


BENCHES: dict[str, Bench] = {
    "extraction": extraction,
    "launch": launch,
    "pause": pause,
    "sending": sending,
    "tracking": tracking,
    "transfer": transfer,
}
