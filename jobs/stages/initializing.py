"""Initializing: extract the Audience into the spool, render a sample, freeze. No byte of the Job leaves the house.

All or nothing: a crash, or a resume after a pause, starts again from the beginning, in a folder of its own.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from accelerator import failpoints, leases
from accelerator.heartbeats import Heartbeat, beating
from jobs import lifecycle, spool, warehouses
from jobs.models import Batch, Job, Step
from jobs.stages import extracting, readiness
from jobs.stages.extracting import Found
from jobs.states import Cause, Failure, State

# Seconds until a warehouse that can't be reached is tried again (twice as many each time that it was there meanwhile),
# and after which the Job fails instead.
RETRY, UNREACHABLE_LIMIT = 5.0, 120
# The Job fails at this one too, however short they were: a warehouse that breaks in the middle each time.
LAST_TROUBLE = 6


def run(step: Step) -> float | None:
    """One attempt at the whole stage; the lease is kept by a heartbeat, which also notices a pause or cancel."""
    if step.job.state != State.INITIALIZING:
        return None
    try:
        return _attempt(step)
    except leases.LeaseLost:  # also by whoever was about to say what is wrong
        spool.clear(step.job_id, below=step.epoch + 1)
        raise


def _attempt(step: Step) -> float | None:
    try:
        found, supplemental = _prepare(step)
        if readiness.is_far(step.job, found):
            _ask_about_size(step, found)
        else:
            freeze(step, found, supplemental)
    except readiness.NotReady as error:
        _fail(step, error.failure, str(error))
    except warehouses.WarehouseUnreachable as error:
        return _wait(step, str(error))
    except warehouses.WarehouseError as error:
        _fail(step, Failure.AUDIENCE_SQL, str(error))
    return None


def _prepare(step: Step) -> tuple[Found, dict[str, object]]:
    """All that comes before the freeze. What breaks off in it leaves nothing but a list of dropped rows, once there is
    one: what is wrong may be in the rows that it names. It stays with a Job that fails, or until the next attempt."""
    job, found = step.job, Found()
    try:
        with beating(step, seconds=settings.STEP_LEASE) as heartbeat:
            found = _extract(step, heartbeat)
            readiness.check_something(found)
            readiness.check_share(found)
            supplemental = readiness.supplemental(job, heartbeat)
            readiness.render_sample(job, found, supplemental)
            failpoints.reached("extraction.spooled")
    except Exception:
        spool.clear(job.pk, below=step.epoch + 1, keeping=found.dropped_file)
        raise
    return found, supplemental


def freeze(step: Step, found: Found, supplemental: dict[str, object]) -> bool:
    """The compare-and-set that ends Initializing; it races fairly with a Cancel. True if the freeze won."""
    job = step.job
    document = job.instructions.model_copy(update={"supplemental": supplemental}).model_dump()
    with lifecycle.holding(step):
        Batch.objects.filter(job=job).delete()
        frozen = lifecycle.move(
            job,
            State.PROCESSING,
            Cause.FREEZE,
            why=f"{found.records:,} records extracted, {found.dropped:,} rows dropped",
            extracted=found.records,
            extracting=found.records,
            dropped_missing=found.missing,
            dropped_invalid=found.invalid,
            dropped_duplicate=found.duplicate,
            sample_rendered_at=Now(),
            frozen_at=Now(),
            instructions_document=document,
            waiting_for="",
            waiting_since=None,
        )
        if frozen:
            Batch.objects.bulk_create(found.batches)
        failpoints.reached("freeze.before")
    failpoints.reached("freeze.after")
    return frozen


def _extract(step: Step, heartbeat: Heartbeat) -> Found:
    _tell(step, size_found=None, extraction_started_at=Now(), **_figures(Found()))
    spool.clear(step.job_id, below=step.epoch)

    def tell(found: Found) -> None:
        _tell(step, waiting_for="", waiting_since=None, **_figures(found))

    found = extracting.extract(step, heartbeat, tell)
    tell(found)
    return found


def _figures(found: Found) -> dict[str, object]:
    return {
        "extracting": found.records,
        "extracting_bytes": found.size,
        "dropped_missing": found.missing,
        "dropped_invalid": found.invalid,
        "dropped_duplicate": found.duplicate,
        "dropped_file": found.dropped_file,
    }


def _ask_about_size(step: Step, found: Found) -> None:
    """Wait, before the freeze, until somebody confirms; no record of anybody lies about meanwhile.

    The confirmation starts the extraction again, from the beginning: what is frozen is as fresh as it can be.
    """
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).update(size_found=found.records, dropped_file="", waiting_for="")
        failpoints.reached("size.before")
    spool.clear(step.job_id, below=step.epoch + 1)
    failpoints.reached("size.after")


def _tell(step: Step, **fields: object) -> None:
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).update(**fields)


def _fail(step: Step, failure: Failure, sentence: str) -> None:
    with lifecycle.holding(step):
        failed = lifecycle.fail(step.job, failure, sentence)
    if failed:
        step.job.refresh_from_db()
        spool.clear(step.job_id, keeping=step.job.dropped_file)


def _wait(step: Step, sentence: str) -> float | None:
    """The warehouse is away: wait and say so. A Job that waits for too long, or too often, fails with the sentence.

    Whatever the warehouse gives ends a trouble: two short ones that lie far apart are not one long one.
    """
    with lifecycle.holding(step):
        rows = Job.objects.filter(pk=step.job_id)
        rows.filter(waiting_since=None).update(waiting_since=Now(), troubles=F("troubles") + 1)
        rows.update(waiting_for=sentence)
        troubles: int = rows.values_list("troubles", flat=True).get()
        lasts = rows.filter(waiting_since__lt=Now() - timedelta(seconds=UNREACHABLE_LIMIT)).exists()
    if lasts:
        tried = f"It was tried for {UNREACHABLE_LIMIT} seconds."
    elif troubles >= LAST_TROUBLE:
        tried = f"It was away or broke off {troubles} times."
    else:
        return RETRY * 2.0 ** (troubles - 1)
    _fail(step, Failure.AUDIENCE_SQL, f"{sentence} {tried}")
    return None
