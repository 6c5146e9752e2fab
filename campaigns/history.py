"""What earlier launches of a Campaign were told and found: what the next one begins with, and is compared to."""

from django.db.models import QuerySet

from campaigns.models import Campaign
from jobs.models import Job, LaunchValue


def values(campaign: Campaign) -> dict[str, LaunchValue]:
    """The launch variables of the last launch, by name."""
    job = _jobs(campaign).first()
    return {value.name: value for value in job.instructions.audience.variables} if job else {}


def size(campaign: Campaign) -> int | None:
    """How many records the last Job that came to a freeze had."""
    frozen = _jobs(campaign).filter(extracted__isnull=False)
    return frozen.values_list("extracted", flat=True).first()


def _jobs(campaign: Campaign) -> QuerySet[Job]:
    """The last first; a Job that was deleted is gone from here too."""
    return Job.objects.filter(launch__campaign=campaign, deleted_at=None).order_by(
        "-launch__at", "-launch__pk"
    )
