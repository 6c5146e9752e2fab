"""One whole pass over the Audience: from its rows in the Warehouse to batches in the spool, each person once.

What it gives is all there or not at all: whoever does not come to its end leaves files that the next attempt clears.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy.ma  # noqa: F401 - Arrow imports it with the first array of numpy's, in the midst of an extraction
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from accelerator import failpoints, protocol
from accelerator.heartbeats import Heartbeat
from jobs import spool, warehouses
from jobs.models import Batch, Step
from jobs.records.cleaning import DUPLICATE, Cleaner
from jobs.records.dropped import Dropped
from jobs.records.duplicates import Seen
from jobs.records.sample import Sample
from jobs.warehouses import AudienceSqlError

# Seconds between two words about how far it is.
PROGRESS = 1.0


@dataclass
class Found:
    """How far a pass is, and what it found: records, bytes in the spool, dropped rows by reason."""

    records: int = 0
    size: int = 0
    missing: int = 0
    invalid: int = 0
    duplicate: int = 0
    columns: frozenset[str] = frozenset()
    batches: list[Batch] = field(default_factory=list)
    sample: pa.Table | None = None
    dropped_file: str = ""

    @property
    def rows(self) -> int:
        """Of the Audience."""
        return self.records + self.dropped

    @property
    def dropped(self) -> int:
        return self.missing + self.invalid + self.duplicate


Tell = Callable[[Found], object]


def extract(step: Step, heartbeat: Heartbeat, tell: Tell) -> Found:
    """The whole Audience. `tell` is called now and then, and once when the first rows are there.

    Raises WarehouseError, LeaseLost.
    """
    audience = step.job.instructions.audience
    with tempfile.TemporaryDirectory(prefix="extraction-") as name:
        folder = Path(name)
        listed = Dropped(folder / "dropped.csv", audience.recipient_id_column, audience.email_column)
        seen = Seen(folder)
        try:
            sample = Sample()
            found = _read(step, heartbeat, tell, seen, listed, sample)
            again = seen.again(heartbeat.check)
            _drop_doubles(found, again, listed, heartbeat)
            found.sample = sample.records(again) if found.records else None
        finally:
            listed.close()
            seen.close()
        if listed.rows:
            found.dropped_file = spool.keep_dropped(step.job_id, step.epoch, listed.path)
    return found


def _read(step: Step, heartbeat: Heartbeat, tell: Tell, seen: Seen, listed: Dropped, sample: Sample) -> Found:
    job, audience = step.job, step.job.instructions.audience
    writer = spool.Writer(job.pk, step.epoch, settings.BATCH_RECORDS)
    cleaner = Cleaner(audience.recipient_id_column, audience.email_column)
    found = Found()
    with warehouses.open_stream(job.warehouse, audience.sql, audience.values) as stream:
        heartbeat.on_loss(stream.cancel)
        schema = stream.start()
        warehouses.check_columns(
            schema, recipient_id_column=audience.recipient_id_column, email_column=audience.email_column
        )
        tell(found)
        told = time.monotonic()
        for batch in stream:
            heartbeat.check()
            cleaned = cleaner.clean(pa.Table.from_batches([batch]))
            writer.write(cleaned.records)
            seen.add(cleaned.keys)
            sample.look(cleaned.records)
            for reason, rows in cleaned.dropped.items():
                listed.write(reason, rows)
            failpoints.reached("extraction.reading")
            _note(found, writer, cleaner)
            _check_caps(found, writer.raw)
            if time.monotonic() - told >= PROGRESS:
                told = time.monotonic()
                tell(found)
    writer.close()
    _note(found, writer, cleaner)
    found.batches = writer.batches
    found.columns = frozenset(schema.names)
    return found


def _note(found: Found, writer: spool.Writer, cleaner: Cleaner) -> None:
    found.records, found.size = writer.records, writer.bytes
    found.missing, found.invalid, found.duplicate = cleaner.missing, cleaner.invalid, cleaner.duplicate


def _check_caps(found: Found, raw: int) -> None:
    if found.records > settings.AUDIENCE_MOST_RECORDS:
        raise AudienceSqlError(
            f"The Audience has more than {settings.AUDIENCE_MOST_RECORDS:,} records (AUDIENCE_MOST_RECORDS). Is a "
            "condition missing in its SQL?"
        )
    if raw > settings.AUDIENCE_MOST_BYTES:
        raise AudienceSqlError(
            f"The Audience's records are more than {settings.AUDIENCE_MOST_BYTES // 1_000_000:,} MB "
            "(AUDIENCE_MOST_BYTES). Select only the columns that the Template uses."
        )


def _drop_doubles(found: Found, again: pa.BooleanArray, listed: Dropped, heartbeat: Heartbeat) -> None:
    """Take the later records of each person, said of each record, out of the batches that have them."""
    kept: list[Batch] = []
    begins = 0
    for batch in found.batches:
        heartbeat.check()
        twice = again.slice(begins, batch.records)
        begins += batch.records
        doubles = twice.true_count
        if not doubles:
            kept.append(batch)
            continue
        table = protocol.decode_batch(spool.read(batch))
        listed.write(DUPLICATE, table.filter(twice))
        found.size -= batch.size
        found.duplicate += doubles
        found.records -= doubles
        if doubles < batch.records:
            kept.append(spool.without(batch, table.filter(pc.invert(twice))))
            found.size += batch.size
        else:
            spool.remove(batch)
    for number, batch in enumerate(kept):
        batch.number = number
    found.batches = kept
