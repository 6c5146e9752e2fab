"""A house whose databases are put back to an older copy: what the checker can't hold against it then."""

import uuid
from collections import defaultdict
from pathlib import Path

from tests.faults.judging import Violation
from tests.faults.world import World

# Long enough that a Job is still Collecting when the copy is in its place.
WINDOW = "25s"


class Restorable(World):
    """`excuse` names what an older copy makes impossible to promise."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder, **({"COLLECTING_WINDOW": WINDOW} | settings))
        self._excused: dict[uuid.UUID | None, set[tuple[int, str]]] = defaultdict(set)

    def excuse(self, job: uuid.UUID | None, invariant: int, *sentences: str) -> None:
        """From now on the checker does not say these sentences about the Job; all others it does."""
        self._excused[job].update((invariant, sentence) for sentence in sentences)

    def check(self, *jobs: uuid.UUID) -> list[Violation]:
        return [one for one in super().check(*jobs) if not self._excuses(one)]

    def _excuses(self, one: Violation) -> bool:
        return any(
            invariant == one.invariant and sentence in one.seen
            for invariant, sentence in self._excused[one.job]
        )
