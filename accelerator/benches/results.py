"""What a benchmark comes to: a value beside its reference, and a ratio that is better when it is higher."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Result:
    """`ratio`: value / reference for rates, allowed / measured for times."""

    bench: str
    value: float
    unit: str
    reference: float
    ratio: float
    details: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """As the last line of a run has it."""
        figures = {
            "bench": self.bench,
            "value": rounded(self.value),
            "unit": self.unit,
            "reference": rounded(self.reference),
            "ratio": rounded(self.ratio),
        }
        return figures | dict(self.details)


def rate(
    bench: str, unit: str, values: Sequence[float], references: Sequence[float], **details: object
) -> Result:
    """Rates of several rounds beside those of the reference: their medians."""
    value, reference = statistics.median(values), statistics.median(references)
    rounds = {"values": list(map(rounded, values)), "references": list(map(rounded, references))}
    return Result(bench, value, unit, reference, value / reference, rounds | details)


def duration(bench: str, measured: float, allowed: float, **details: object) -> Result:
    """Seconds, beside those that are allowed."""
    return Result(bench, measured, "s", allowed, allowed / measured, details)


def percentile(values: Sequence[float], percent: float) -> float:
    """By the nearest rank: a value that was measured."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def rounded(value: float) -> float:
    """To four digits that mean something."""
    return float(f"{value:.4g}")
