"""What is due: claim a step under a lease, run its stage, let go. An unexplained error is tried again, then told."""

import logging
import uuid
from collections.abc import Callable

from django.conf import settings
from structlog.contextvars import bound_contextvars

from accelerator import failpoints, leases
from accelerator.marks import MarkUnusable, Restored
from jobs import granting, lifecycle, restoring
from jobs.models import Job, Step, mark
from jobs.stages import collecting, controlling, initializing, processing
from jobs.states import Failure, State

logger = logging.getLogger(__name__)

Kind = Step.Kind

# Each stage runs one claimed step and says in how many seconds it is due again (None: when somebody says so).
STAGES: dict[str, Callable[[Step], float | None]] = {
    Kind.INITIALIZING: initializing.run,
    Kind.PROCESSING: processing.run,
    Kind.COLLECTING: collecting.run,
    Kind.CONTROLLING: controlling.run,
}

# Extractions hold a worker for minutes, and a Pause must not wait behind them: each has its own queue.
QUEUES: dict[str, str] = {
    Kind.INITIALIZING: "extracting",
    Kind.PROCESSING: "jobs",
    Kind.COLLECTING: "jobs",
    Kind.CONTROLLING: "control",
}

# Seconds until a step is tried again whose worker could not look at the high-water mark.
BLIND = 10.0

# Unexplained errors in a row before the Job fails.
PATIENCE = 5
WENT_WRONG = "Something went wrong inside Accelerator; an admin finds it in the log."


def due(kind: str, limit: int = 100) -> list[int]:
    """Ids of steps of a kind that are due and unowned; each kind by itself, so that none waits behind another."""
    return leases.due(Step.objects.filter(kind=kind), limit)


def due_of(job_id: uuid.UUID) -> list[tuple[int, str]]:
    """(id, kind) of the steps of one Job that are due and unowned."""
    rows = Step.objects.filter(job=job_id)
    return list(rows.filter(pk__in=leases.due(rows, len(Kind))).values_list("pk", "kind"))


def run(pk: int) -> uuid.UUID | None:
    """Run one step if it is due and free. Returns its Job's id, None if there was nothing to do."""
    step = leases.claim(Step.objects.all(), pk, seconds=settings.STEP_LEASE)
    if step is None:
        return None
    # Read after the claim: whoever moves the Job from now on takes the step away. Joined to the claim, the Job could be
    # older than the step, and a step that was made due for the new state would be let go for the old one.
    step.job = Job.objects.select_related("warehouse").get(pk=step.job_id)
    about = {"job": str(step.job_id), "step": step.kind, "mailing": step.job.request_id}
    with bound_contextvars(**{name: value for name, value in about.items() if value}):
        _run(step)
    return step.job_id


def _run(step: Step) -> None:
    try:
        failpoints.reached("step.claimed")
        mark.check()
        due_in = STAGES[step.kind](step)
        failpoints.reached("step.done")
        if step.attempts:
            Step.objects.filter(pk=step.pk, epoch=step.epoch).update(attempts=0)
        leases.finish(step, due_in=due_in)
    except leases.LeaseLost:
        logger.debug("step %s of job %s is no longer ours; nothing was changed", step.kind, step.job_id)
    except Restored as error:
        restoring.notice(error)
    except MarkUnusable as error:
        # Nobody can say whether what this database wants is still wanted: it waits for an admin.
        logger.critical("%s Nothing goes on until then.", error)
        leases.finish(step, due_in=BLIND)
    except Exception:
        logger.exception("step %s of job %s failed unexpectedly", step.kind, step.job_id)
        _try_again(step)


def _try_again(step: Step) -> None:
    """Back off; when patience is over the Job fails (a talk about an Ask or about results is tried for ever)."""
    attempts = step.attempts + 1
    due_in: float | None = min(2**attempts, 60)
    try:
        with lifecycle.holding(step):
            Step.objects.filter(pk=step.pk).update(attempts=attempts)
            leases.finish(step, due_in=due_in)
            if attempts >= PATIENCE:
                _give_up(step)
    except leases.LeaseLost:
        pass


def _give_up(step: Step) -> None:
    step.job.refresh_from_db()
    if step.kind == Kind.INITIALIZING and step.job.state == State.INITIALIZING:
        lifecycle.fail(step.job, Failure.INTERNAL, WENT_WRONG)
    elif step.kind == Kind.PROCESSING and step.job.state == State.PROCESSING:
        granting.stop(step.job, Failure.INTERNAL, WENT_WRONG)
