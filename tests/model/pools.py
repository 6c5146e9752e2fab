"""Numbers for parts, so that worlds are compared and kept as numbers."""

from typing import Generic, NamedTuple, TypeVar

from tests.model.parts import Sender, Worker

Part = TypeVar("Part")
NOBODY = -1
Numbers = tuple[int, ...]
# Numbers of parts: Job, mailing, workers, senders, requests on their way.
Bundle = tuple[int, int, Numbers, Numbers, Numbers]


class Pool(Generic[Part]):
    """Each part once, under a number."""

    def __init__(self) -> None:
        self.numbers: dict[Part, int] = {}
        self.parts: list[Part] = []

    def number(self, part: Part) -> int:
        """The part's number, a new one if it is new."""
        number = self.numbers.get(part)
        if number is None:
            number = self.numbers[part] = len(self.parts)
            self.parts.append(part)
        return number


class Word(NamedTuple):
    """How a step is told: what was done, what kind of step it is, what it costs, and which promise it breaks."""

    did: str
    kind: str
    cost: str
    broken: str


class Step(NamedTuple):
    """An effect in numbers. `row`: of the lease that it lets run out.

    `counted`: whether a bound counts it; None if the bounds do not allow it at all.
    """

    word: int
    job: int
    mailing: int
    actor: int
    fences: frozenset[str]
    late: int
    row: str
    counted: bool | None


# A step that may be taken, and who is at the Job without whoever takes it; whether that is a worker.
Taken = tuple[Step, Numbers, Numbers, Numbers, bool]
Actors = Pool[Worker] | Pool[Sender]
