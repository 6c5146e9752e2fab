"""Initializing: extract the Audience into the spool, render a sample, freeze. No byte of the Job leaves the house.

All or nothing: a crash, or a resume after a pause, starts again from the beginning, in a folder of its own.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Coalesce, Now

from accelerator import failpoints, leases, rendering
from accelerator.heartbeats import Heartbeat, beating
from jobs import lifecycle, spool, warehouses
from jobs.models import Batch, Job, Step
from jobs.stages import extracting, shared
from jobs.stages.extracting import Found
from jobs.states import Cause, Failure, State

# Seconds until a warehouse that can't be reached is tried again, and after which the Job fails instead (counted
# from the first trouble, also over tries that came half way).
RETRY, UNREACHABLE_LIMIT = 5.0, 120


class NotReady(Exception):
    """The Job must not go on; the reason code and the sentence."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        self.failure = failure
        super().__init__(sentence)


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
    job = step.job
    try:
        with beating(step, seconds=settings.STEP_LEASE) as heartbeat:
            spool.clear(job.pk, below=step.epoch)
            found = _extract(step, heartbeat)
            _check_something(found)
            _check_share(found)
            supplemental = _supplemental(job, heartbeat)
            _render_sample(job, found, supplemental)
            failpoints.reached("extraction.spooled")
        if _is_far(job, found):
            _ask_about_size(step, found)
        else:
            freeze(step, found, supplemental)
    except NotReady as error:
        _fail(step, error.failure, str(error))
    except warehouses.WarehouseUnreachable as error:
        return _wait(step, str(error))
    except warehouses.WarehouseError as error:
        _fail(step, Failure.AUDIENCE_SQL, str(error))
    return None


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

    def tell(found: Found) -> None:
        _tell(step, waiting_for="", **_figures(found))

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


def _check_something(found: Found) -> None:
    if found.records == 0 and found.dropped == 0:
        raise NotReady(Failure.AUDIENCE_SQL, "The Audience selects nobody: its SQL gave no rows.")
    if found.records == 0:
        raise NotReady(
            Failure.AUDIENCE_SQL,
            f"The Audience selects nobody who can be mailed: each of its rows ({found.dropped:,}) lacks an id or an "
            "address, or the address is invalid.",
        )


def _check_share(found: Found) -> None:
    share = found.invalid / found.rows
    if share > settings.AUDIENCE_MOST_INVALID:
        raise NotReady(
            Failure.AUDIENCE_SQL,
            f"{found.invalid:,} of the Audience's {found.rows:,} rows ({share:.0%}) have an address that is invalid, "
            f"and at most {settings.AUDIENCE_MOST_INVALID:.0%} may (AUDIENCE_MOST_INVALID). Is the email column the "
            "right one? The list of dropped rows shows them.",
        )


def _supplemental(job: Job, heartbeat: Heartbeat) -> dict[str, object]:
    """What all recipients share: the document of the Campaign, or what its SELECT gives now."""
    instructions = job.instructions
    if not instructions.supplemental_sql:
        return instructions.supplemental
    try:
        return shared.read(job.warehouse, instructions.supplemental_sql, on_loss=heartbeat.on_loss)
    except warehouses.AudienceSqlError as error:
        raise NotReady(Failure.CAMPAIGN, f"The Supplemental Data can't be read: {error}") from error


def _is_far(job: Job, found: Found) -> bool:
    """Whether a person must be asked: the size is far from the last one, and nobody has confirmed one like it."""
    instructions = job.instructions
    if instructions.most_change is None or instructions.last_size is None:
        return False
    sizes = [instructions.last_size] + ([job.size_confirmed] if job.size_confirmed is not None else [])
    return all(abs(found.records - size) > size * instructions.most_change / 100 for size in sizes)


def _ask_about_size(step: Step, found: Found) -> None:
    """Wait, before the freeze, until somebody confirms; no record of anybody lies about meanwhile.

    The confirmation starts the extraction again, from the beginning: what is frozen is as fresh as it can be.
    """
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).update(size_found=found.records, dropped_file="", waiting_for="")
        failpoints.reached("size.before")
    spool.clear(step.job_id, below=step.epoch + 1)
    failpoints.reached("size.after")


def _render_sample(job: Job, found: Found, supplemental: dict[str, object]) -> None:
    """Render real records with the real Template; a failure here would be one for thousands of people."""
    instructions = job.instructions
    source = instructions.template
    try:
        template = rendering.compile_template(subject=source.subject, html=source.html, text=source.text)
    except rendering.TemplateInvalid as error:
        raise NotReady(Failure.TEMPLATE, str(error)) from error
    unknown = sorted(template.variables - found.columns)
    if unknown:
        raise NotReady(
            Failure.TEMPLATE,
            f"The Template uses {_listed(unknown)}, which the Audience does not select. "
            "Add it to the SQL, or remove it from the Template.",
        )
    for record in _sample(found):
        recipient = record[instructions.audience.recipient_id_column]
        try:
            _render(template, record, supplemental)
        except rendering.RenderError as error:
            raise NotReady(Failure.TEMPLATE, f"{error} (seen with recipient {recipient}).") from error


def _render(template: rendering.Compiled, record: dict[str, object], supplemental: dict[str, object]) -> None:
    """Render a record as the Cloud will, links and pixel too. Raises RenderError."""
    template.render(
        record,
        supplemental=supplemental,
        unsubscribe_url="https://links.example/u/aZ",
        link=lambda number, _url: f"https://links.example/c/{number}-aZ",
        open_pixel_url="https://links.example/o/aZ",
    )


def _sample(found: Found) -> list[dict[str, object]]:
    return warehouses.as_python(found.sample) if found.sample is not None else []


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
    """The warehouse is away: wait and say so; a Job that could not start for long fails with the sentence.

    From the first trouble until the freeze: a warehouse that breaks in the middle of each try is away too.
    """
    with lifecycle.holding(step):
        rows = Job.objects.filter(pk=step.job_id)
        rows.update(waiting_for=sentence, waiting_since=Coalesce("waiting_since", Now()))
        if not rows.filter(waiting_since__lt=Now() - timedelta(seconds=UNREACHABLE_LIMIT)).exists():
            return RETRY
    _fail(step, Failure.AUDIENCE_SQL, f"{sentence} It was tried for {UNREACHABLE_LIMIT} seconds.")
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
