"""Lists the records of a Job that ended before they were transferred: they lie in the spool, and nowhere else."""

from accelerator import protocol
from accelerator.protocol import Recipient, RecipientPage
from jobs import spool
from jobs.models import Batch, Job

REASON = "never transferred to the Cloud"

# A batch's number, and the position of a record in it.
Place = tuple[int, int]


class SpoolLost(Exception):
    """The file of a batch can't be read any more."""


def begin(job: Job) -> Place | None:
    """The first record that the Cloud never got; None where it got them all.

    Batches go out in the order of their numbers, so the Cloud has those whose records are within its own count of
    what was transferred: it may have got one more than the dashboard heard of.
    """
    transferred = job.counts.transferred
    for number, records in job.batches.order_by("number").values_list("number", "records"):
        if transferred < records:
            return number, 0
        transferred -= records
    return None


def page(job: Job, place: Place, limit: int) -> RecipientPage:
    """Records from a place on; one batch at a time is in memory. Raises SpoolLost."""
    found: list[Recipient] = []
    number, position = place
    for batch in job.batches.filter(number__gte=number).order_by("number").iterator():
        first = position if batch.number == number else 0
        if len(found) == limit:
            return RecipientPage(recipients=found, next=f"{batch.number}.{first}")
        rows = _records(job, batch, first, limit - len(found))
        found += rows
        if first + len(rows) < batch.records:
            return RecipientPage(recipients=found, next=f"{batch.number}.{first + len(rows)}")
    return RecipientPage(recipients=found)


def _records(job: Job, batch: Batch, first: int, most: int) -> list[Recipient]:
    audience = job.instructions.audience
    try:
        table = protocol.decode_batch(spool.read(batch))
    except OSError as error:
        raise SpoolLost(
            "The records that were never transferred can't be read: their file is not in the spool."
        ) from error
    columns = table.select([audience.recipient_id_column, audience.email_column]).slice(first, most)
    return [
        Recipient(recipient_id=str(who), address=str(address), outcome="not_sent", reply=REASON)
        for who, address in zip(*(column.to_pylist() for column in columns.columns), strict=True)
    ]
