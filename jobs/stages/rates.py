"""Tells the Cloud how fast a Job may go from now on, when a person has changed it."""

import logging

from accelerator import failpoints
from jobs import lifecycle, rating
from jobs.client import CloudRefused, cloud
from jobs.models import Job, RateChange, Step
from jobs.stages import following

logger = logging.getLogger(__name__)


def tell(step: Step) -> bool:
    """Tell the Cloud of the latest change that it has not confirmed; False: there is one to be told again, or anew.

    The Cloud has the Job. It is asked first what it goes by: a number that it has heard, from us or from a database
    that this one is an older copy of, would change nothing there. Raises CloudUnreachable, LeaseLost.
    """
    job = step.job
    change = rating.pending(job)
    if change is None or job.rests:
        return True
    failpoints.reached("rated.before")
    try:
        status = cloud().status(job.pk)
        told = status.rate_seq < change.number
        if told:
            status = cloud().rate(job.pk, rating.request(change))
    except CloudRefused as error:
        logger.warning("job %s: the Cloud refused rate change %s: %s", job.pk, change.number, error)
        with lifecycle.holding(step):
            rating.settle(change, RateChange.Outcome.REFUSED)
        return True
    failpoints.reached("rated.after")
    with lifecycle.holding(step):
        Job.objects.filter(pk=job.pk).update(**following.waits(status))
        rating.answered(job, change, status, told=told)
    return rating.pending(job) is None
