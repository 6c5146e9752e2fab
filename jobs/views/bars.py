"""The equation of a Job as one bar: where each segment begins and how wide it is, in percent of the whole."""

from dataclasses import dataclass

from jobs.results import Breakdown, Segment

# No count may be too small to be seen, hovered or focused: the least width, in percent, taken from the large ones.
LEAST = 1.2

# These classes empty themselves while a Job lives; at rest they are left out of the legend.
LIVE = frozenset({"deferred", "in_flight", "waiting", "not_transferred"})


@dataclass(frozen=True)
class Stretch:
    """One segment of the bar; x and width are ready to be written into SVG, whatever the language."""

    segment: Segment
    x: str
    width: str


def stretches(breakdown: Breakdown) -> list[Stretch]:
    """The segments that hold somebody, from left to right; together they are as wide as the bar."""
    counted = [segment for segment in breakdown.segments if segment.count > 0]
    widths = [max(LEAST, segment.share * 100) for segment in counted]
    scale = 100 / sum(widths) if widths else 1
    bar, x = [], 0.0
    for segment, width in zip(counted, widths, strict=True):
        bar.append(Stretch(segment, f"{x:.3f}%", f"{width * scale:.3f}%"))
        x += width * scale
    return bar


def legend(breakdown: Breakdown, *, rests: bool) -> list[Segment]:
    """The terms of the equation: all of them while the Job lives, those that can be left at rest."""
    return [
        segment for segment in breakdown.segments if segment.count or not (rests and segment.name in LIVE)
    ]
