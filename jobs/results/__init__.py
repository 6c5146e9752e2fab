"""What came of a Job's recipients, as numbers that add up."""

from dataclasses import dataclass

from jobs.models import Job

# The classes of recipients in the order of their journey: (name, label). "not_transferred" is the dashboard's own.
CLASSES = (
    ("delivered", "Delivered"),
    ("bounced", "Bounced"),
    ("suppressed", "Suppressed"),
    ("render_errors", "Render errors"),
    ("unknown", "Unknown"),
    ("not_sent", "Not sent"),
    ("deferred", "Deferred"),
    ("in_flight", "In flight"),
    ("waiting", "Waiting"),
    ("not_transferred", "Not transferred"),
)

# Classes with a list of recipients behind them, at the Cloud.
LISTED = frozenset({"delivered", "bounced", "suppressed", "render_errors", "unknown", "deferred"})


@dataclass(frozen=True)
class Segment:
    """One class of recipients: its count, and its share of all extracted (0 to 1)."""

    name: str
    label: str
    count: int
    share: float

    @property
    def listed(self) -> bool:
        """Whether its recipients can be listed."""
        return self.count > 0 and self.name in LISTED


@dataclass(frozen=True)
class Breakdown:
    """All extracted recipients, each in exactly one segment."""

    total: int
    segments: tuple[Segment, ...]


def breakdown(job: Job) -> Breakdown:
    """The equation of a Job: extracted = the sum of its classes, live and at rest."""
    total = job.extracted or 0
    counts = job.counts.model_dump() if job.request_id else {}
    # Once the Job has Failed nothing more is transferred: those records are not sent.
    remainder = total - sum(counts.get(name, 0) for name, _ in CLASSES)
    place = "not_sent" if job.rests else "not_transferred"
    counts[place] = counts.get(place, 0) + remainder
    segments = tuple(
        Segment(name, label, counts.get(name, 0), counts.get(name, 0) / total if total else 0.0)
        for name, label in CLASSES
    )
    return Breakdown(total, segments)
