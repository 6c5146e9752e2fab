"""Transferring: hand the spooled batches to the Cloud, each any number of times with one effect."""

import time

from django.db.models.functions import Now

from accelerator import failpoints
from accelerator.protocol import MailingStatus
from jobs import lifecycle, spool
from jobs.client import CloudClient, CloudUnreachable
from jobs.models import Job, Step

BUDGET = 20.0  # seconds that one step transfers before it lets others work

FORGETFUL = (
    "The Cloud lacks records of this Job that it had. Its database was probably restored from an older copy, and it"
    " does not know that: nobody else is contacted until an admin runs manage.py restored there."
)


def transfer(step: Step, client: CloudClient) -> bool:
    """Transfer batches until the time budget is spent. True when all are at the Cloud.

    Whoever calls keeps the lease (`heartbeats`); a step that is not ours any more ends behind the batch it is at.
    """
    until = time.monotonic() + BUDGET
    for batch in step.job.batches.filter(transferred_at=None).order_by("number").iterator():
        if time.monotonic() > until:
            return False
        failpoints.reached("batch.before")
        client.put_batch(step.job_id, batch.number, spool.read(batch))
        failpoints.reached("batch.after")
        with lifecycle.holding(step):
            step.job.batches.filter(pk=batch.pk).update(transferred_at=Now())
        failpoints.reached("batch.noted")
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).update(transferred_at=Now(), waiting_for="")
        failpoints.reached("transferred.before")
    failpoints.reached("transferred.after")
    return True


def complete(step: Step, status: MailingStatus) -> bool:
    """Whether the Cloud still has all batches that it had; if not, they are to be transferred again.

    Only to a Cloud that knows that it was restored from an older copy: it says of them that they are unknown. One that
    does not would send to them again. Raises CloudUnreachable then.
    """
    job = step.job
    if job.transferred_at is None or status.counts.transferred >= (job.extracted or 0):
        return True
    if not status.restored:
        raise CloudUnreachable(FORGETFUL)
    with lifecycle.holding(step):
        job.batches.update(transferred_at=None)
        Job.objects.filter(pk=job.pk).update(transferred_at=None)
        failpoints.reached("retransfer.before")
    failpoints.reached("retransfer.after")
    job.transferred_at = None
    return False
