"""Processing: submit the instructions (the Cloud gives the Request ID), transfer the batches, watch the first attempts.

A crash repeats the same submission, never the extraction: both requests are idempotent.
"""

import logging

from django.conf import settings

from accelerator import failpoints
from accelerator.heartbeats import beating
from accelerator.protocol import BatchEntry, Instructions, MailingRequest
from jobs import granting, lifecycle
from jobs.client import CloudClient, CloudRefused, CloudUnreachable, cloud
from jobs.models import Ask, Job, Step
from jobs.stages import following, rates, transferring
from jobs.states import Cause, Failure, State

logger = logging.getLogger(__name__)

WATCH = 1.0  # seconds between two looks at the counts


def run(step: Step) -> float | None:
    """Submit, transfer for a while, look at the counts; Collecting once every record was attempted."""
    if step.job.state != State.PROCESSING:
        return None
    with beating(step, seconds=settings.STEP_LEASE):
        try:
            return _advance(step, cloud())
        except CloudUnreachable as error:
            return following.wait(step, error)
        except CloudRefused as error:
            return _refused(step, error)


def _advance(step: Step, client: CloudClient) -> float | None:
    job = step.job
    if job.request_id is None:
        failpoints.reached("submit.before")
        status = client.submit(job.pk, _request(job))
        failpoints.reached("submit.after")
        with lifecycle.holding(step):
            Job.objects.filter(pk=job.pk).update(request_id=status.request_id, waiting_for="")
        failpoints.reached("submit.stored")
        logger.info("job %s: accepted by the Cloud, Request ID %s", job.pk, status.request_id)
    if job.transferred_at is None:
        # Until the first batch nobody is contacted: what was asked for before holds from the first contact on.
        if not rates.tell(step):
            return 0.0
        if not transferring.transfer(step, client):
            following.take_in(step, client.status(job.pk))
            following.glance(step)
            return 0.0
    status = client.status(job.pk)
    following.take_in(step, status)
    if not transferring.complete(step, status):
        return 0.0
    if status.counts.attempted >= (job.extracted or 0):
        with lifecycle.holding(step):
            lifecycle.move(
                job,
                State.COLLECTING,
                Cause.ALL_ATTEMPTED,
                counts=status.counts.model_dump(),
                collecting_until=lifecycle.window_end(),
            )
            failpoints.reached("collecting.before")
        failpoints.reached("collecting.after")
        return None
    following.glance(step)
    return WATCH


def _request(job: Job) -> MailingRequest:
    """The same document at every repetition."""
    instructions = job.instructions
    return MailingRequest(
        instructions=Instructions(
            name=instructions.campaign,
            sender=instructions.sender,
            template=instructions.template,
            recipient_id_column=instructions.audience.recipient_id_column,
            email_column=instructions.audience.email_column,
            rate_per_hour=instructions.rate_per_hour,
            domain_rates=instructions.domain_rates,
            account=instructions.account,
            service=instructions.service,
        ),
        batches=[
            BatchEntry(number=batch.number, records=batch.records, size=batch.size, sha256=batch.sha256)
            for batch in job.batches.order_by("number")
        ],
        supplemental=instructions.supplemental,
    )


def _refused(step: Step, error: CloudRefused) -> float | None:
    """The Cloud will not take the Job. After a cancel that is what was wanted; otherwise the Job fails."""
    job = step.job
    if error.status == 410 and job.asks.filter(outcome=Ask.Outcome.PENDING).exists():
        return None
    with lifecycle.holding(step):
        granting.stop(job, Failure.CLOUD, f"The Cloud refused the Job: {error}")
    return None
