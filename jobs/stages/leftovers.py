"""What an extraction has left behind of which nobody is contacted: deleted, whoever died at it and wherever.

A Job that is not Initializing and never was frozen has nothing in the spool, but for a list of dropped rows that its
page offers. Whoever extracts clears up after himself (`initializing`); this is for those who can't any more.
"""

from datetime import timedelta

from django.db.models.functions import Now

from jobs import lifecycle, spool
from jobs.models import Job, Step
from jobs.states import Failure

# Seconds within which a worker notices that the extraction is not wanted any more. Until then one may write behind the
# first look, and die.
NOTICING = 5.0
CANCELS = (Failure.EXTRACTION_CANCELLED, Failure.CANCELLED)


def clear(step: Step) -> float | None:
    """Delete it. Seconds until it must be looked for once more, None if nobody can be at it any more."""
    job = step.job
    # Who cancelled wants no list either, and who resumes gets a new one.
    keeping = job.dropped_file if job.rests and job.failure not in CANCELS else ""
    with lifecycle.holding(step):
        if not keeping:
            Job.objects.filter(pk=job.pk).update(dropped_file="")
        next_attempt = job.steps.get(kind=Step.Kind.INITIALIZING).epoch
    # A Job that can be resumed may be extracting again by now.
    spool.clear(job.pk, below=None if job.rests else next_attempt, keeping=keeping)
    young = Job.objects.filter(pk=job.pk, state_since__gt=Now() - timedelta(seconds=NOTICING))
    return NOTICING if young.exists() else None
