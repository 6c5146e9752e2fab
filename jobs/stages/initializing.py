"""Initializing: extract the Audience into the spool, render a sample, freeze. No byte of the Job leaves the house.

All or nothing: a crash, or a resume after a pause, starts again from the beginning, in a folder of its own.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
from django.conf import settings
from django.db.models.functions import Coalesce, Now

from accelerator import failpoints, leases, protocol, rendering
from accelerator.heartbeats import Heartbeat, beating
from jobs import lifecycle, spool, warehouses
from jobs.models import Batch, Job, Step
from jobs.records import Cleaner
from jobs.states import Cause, Failure, State

# Records rendered with the real Template before the freeze: from the first and from the last batch.
SAMPLE = 50

# Seconds between two updates of the growing count.
PROGRESS = 1.0

# Seconds until a warehouse that can't be reached is tried again, and after which the Job fails instead (counted
# from the first trouble, also over tries that came half way).
RETRY, UNREACHABLE_LIMIT = 5.0, 120


class NotReady(Exception):
    """The Job must not go on; the reason code and the sentence."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        self.failure = failure
        super().__init__(sentence)


@dataclass(frozen=True)
class Extraction:
    """What one whole pass over the Audience gave."""

    batches: list[Batch]
    cleaner: Cleaner
    columns: frozenset[str]

    @property
    def records(self) -> int:
        return sum(batch.records for batch in self.batches)


def run(step: Step) -> float | None:
    """One attempt at the whole stage; the lease is kept by a heartbeat, which also notices a pause or cancel."""
    job = step.job
    if job.state != State.INITIALIZING:
        return None
    try:
        with beating(step, seconds=settings.STEP_LEASE) as heartbeat:
            spool.clear(job.pk, below=step.epoch)
            extraction = _extract(step, heartbeat)
            _check_something(extraction)
            _render_sample(job, extraction)
            failpoints.reached("extraction.spooled")
        freeze(step, extraction)
    except NotReady as error:
        _fail(step, error.failure, str(error))
    except warehouses.WarehouseUnreachable as error:
        return _wait(step, str(error))
    except warehouses.WarehouseError as error:
        _fail(step, Failure.AUDIENCE_SQL, str(error))
    except leases.LeaseLost:
        spool.clear(job.pk, below=step.epoch + 1)
        raise
    return None


def freeze(step: Step, extraction: Extraction) -> bool:
    """The compare-and-set that ends Initializing; it races fairly with a Cancel. True if the freeze won."""
    job, cleaner = step.job, extraction.cleaner
    with lifecycle.holding(step):
        Batch.objects.filter(job=job).delete()
        frozen = lifecycle.move(
            job,
            State.PROCESSING,
            Cause.FREEZE,
            why=f"{extraction.records:,} records extracted, {_dropped(cleaner):,} rows dropped",
            extracted=extraction.records,
            extracting=extraction.records,
            dropped_missing=cleaner.missing,
            dropped_invalid=cleaner.invalid,
            dropped_duplicate=cleaner.duplicate,
            sample_rendered_at=Now(),
            frozen_at=Now(),
            waiting_for="",
            waiting_since=None,
        )
        if frozen:
            Batch.objects.bulk_create(extraction.batches)
        failpoints.reached("freeze.before")
    failpoints.reached("freeze.after")
    return frozen


def _extract(step: Step, heartbeat: Heartbeat) -> Extraction:
    job, audience = step.job, step.job.instructions.audience
    writer = spool.Writer(job.pk, step.epoch, settings.BATCH_RECORDS)
    cleaner = Cleaner(audience.recipient_id_column, audience.email_column)
    _tell(
        step,
        extracting=0,
        dropped_missing=0,
        dropped_invalid=0,
        dropped_duplicate=0,
        extraction_started_at=Now(),
    )
    told = time.monotonic()
    with warehouses.open_stream(job.warehouse, audience.sql) as stream:
        heartbeat.on_loss(stream.cancel)
        schema = stream.start()
        warehouses.check_columns(
            schema, recipient_id_column=audience.recipient_id_column, email_column=audience.email_column
        )
        _tell(step, waiting_for="")
        for batch in stream:
            heartbeat.check()
            writer.write(cleaner.clean(pa.Table.from_batches([batch])))
            failpoints.reached("extraction.reading")
            if time.monotonic() - told >= PROGRESS:
                told = time.monotonic()
                _tell(
                    step,
                    extracting=writer.records,
                    dropped_missing=cleaner.missing,
                    dropped_invalid=cleaner.invalid,
                    dropped_duplicate=cleaner.duplicate,
                )
    writer.close()
    return Extraction(writer.batches, cleaner, frozenset(schema.names))


def _check_something(extraction: Extraction) -> None:
    dropped = _dropped(extraction.cleaner)
    if extraction.records == 0 and dropped == 0:
        raise NotReady(Failure.AUDIENCE_SQL, "The Audience selects nobody: its SQL gave no rows.")
    if extraction.records == 0:
        raise NotReady(
            Failure.AUDIENCE_SQL,
            f"The Audience selects nobody who can be mailed: each of its rows ({dropped:,}) lacks an id or an address, "
            "or the address is invalid.",
        )


def _render_sample(job: Job, extraction: Extraction) -> None:
    """Render real records with the real Template; a failure here would be one for thousands of people."""
    instructions = job.instructions
    source = instructions.template
    try:
        template = rendering.compile_template(subject=source.subject, html=source.html, text=source.text)
    except rendering.TemplateInvalid as error:
        raise NotReady(Failure.TEMPLATE, str(error)) from error
    unknown = sorted(template.variables - extraction.columns)
    if unknown:
        raise NotReady(
            Failure.TEMPLATE,
            f"The Template uses {_listed(unknown)}, which the Audience does not select. "
            "Add it to the SQL, or remove it from the Template.",
        )
    for record in _sample(extraction):
        recipient = record[instructions.audience.recipient_id_column]
        try:
            _render(template, record, instructions.supplemental)
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


def _sample(extraction: Extraction) -> list[dict[str, object]]:
    first = protocol.decode_batch(spool.read(extraction.batches[0]))
    last = protocol.decode_batch(spool.read(extraction.batches[-1]))
    half = SAMPLE // 2
    rows = warehouses.as_python(first.slice(0, half))
    return rows + warehouses.as_python(last.slice(max(0, last.num_rows - half)))


def _tell(step: Step, **fields: object) -> None:
    with lifecycle.holding(step):
        Job.objects.filter(pk=step.job_id).update(**fields)


def _fail(step: Step, failure: Failure, sentence: str) -> None:
    with lifecycle.holding(step):
        if lifecycle.fail(step.job, failure, sentence):
            spool.clear(step.job_id, below=step.epoch + 1)


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


def _dropped(cleaner: Cleaner) -> int:
    return cleaner.missing + cleaner.invalid + cleaner.duplicate


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
