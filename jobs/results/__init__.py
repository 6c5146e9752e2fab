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

# Classes with a list of recipients behind them. Who is not sent is known once the Job rests.
LISTED = frozenset({"delivered", "bounced", "suppressed", "render_errors", "unknown", "not_sent", "deferred"})


@dataclass(frozen=True)
class Segment:
    """One class of recipients: its count, its share of all extracted (0 to 1), whether there is a list of them."""

    name: str
    label: str
    count: int
    share: float
    listed: bool


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
    lists = {name for name in LISTED if has_list(job, name) and not job.forgotten_at}
    segments = tuple(
        Segment(name, label, count, count / total if total else 0.0, listed=count > 0 and name in lists)
        for name, label in CLASSES
        for count in [counts.get(name, 0)]
    )
    return Breakdown(total, segments)


def has_list(job: Job, name: str) -> bool:
    """Whether recipients of this class of the Job can be listed, as long as its records are kept."""
    return name in LISTED and (job.rests or name != "not_sent")
