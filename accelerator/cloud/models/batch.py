"""A batch of records: the piece that is transferred, stored and leased by one sender as a whole."""

from django.db import models
from django.db.models import F, Q

from accelerator.cloud.models.mailing import Mailing
from accelerator.leases import Leased

# Columns of Batch that count its records by where they are; names of protocol.Counts and of Intent.state.
TALLIES = ("in_flight", "deferred", "delivered", "bounced", "suppressed", "render_errors", "unknown")
AT_REST = ("delivered", "bounced", "suppressed", "render_errors", "unknown")


class Batch(Leased):
    """One entry of a mailing's manifest, transferred once `received_at` is set.

    The tallies change in the transaction that changes the ledger, so a mailing's counts are a sum over its
    batches; records in none of them wait.
    """

    # No index of its own: the constraint below brings one that begins with it.
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="batches", db_index=False)
    number = models.PositiveIntegerField()
    records = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField(null=True)

    in_flight = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    bounced = models.PositiveIntegerField(default=0)
    suppressed = models.PositiveIntegerField(default=0)
    render_errors = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    attempted = models.PositiveIntegerField(default=0)
    last_attempt_at = models.DateTimeField(null=True)
    # The process that took stock of it last: whoever left intents in flight, if somebody did.
    holder = models.ForeignKey(
        "cloud.SenderProcess", on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "number"], name="batch_number"),
            models.CheckConstraint(
                condition=Q(
                    records__gte=F("in_flight")
                    + F("deferred")
                    + F("delivered")
                    + F("bounced")
                    + F("suppressed")
                    + F("render_errors")
                    + F("unknown")
                ),
                name="batch_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.number}"


class BatchBytes(models.Model):
    """A batch's Arrow IPC stream as it came; apart from Batch, whose row is written all the time."""

    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, primary_key=True, related_name="stored")
    data = models.BinaryField()

    def __str__(self) -> str:
        return str(self.batch_id)
