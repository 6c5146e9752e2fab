"""One request of a link, and its line in a file."""

import json
import time
import uuid
from dataclasses import dataclass, field


class Strange(Exception):
    """A line that is not one of ours, or of another release."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What somebody did with a link; `link` is a click's number, `at` the time by this host's clock (seconds)."""

    batch_pk: int
    position: int
    kind: str
    link: int | None
    machine: bool
    at: float = field(default_factory=time.time)
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def age(self) -> float:
        """Seconds since it was made, whatever time the clock has."""
        return max(0.0, time.time() - self.at)

    def line(self) -> bytes:
        """Between two line ends: what was written to half before it, by a disk that is full, is a line of its own."""
        values = [self.id.hex, self.batch_pk, self.position, self.kind, self.link, self.machine, self.at]
        return b"\n%b\n" % json.dumps(values).encode()

    @classmethod
    def of_line(cls, line: bytes) -> "Visit | None":
        """None for a line that is not whole: nobody was answered for it. Raises Strange for what is none of ours."""
        try:
            values = json.loads(line)
        except ValueError:
            return None
        try:
            name, batch_pk, position, kind, link, machine, at = values
            return cls(batch_pk, position, kind, link, machine, float(at), uuid.UUID(name))
        except (ValueError, TypeError, AttributeError) as error:
            raise Strange from error
