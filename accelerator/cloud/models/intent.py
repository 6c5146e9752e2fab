"""The ledger: one row per recipient from the moment the Cloud intends to contact them. Only `ledger` writes it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accelerator.cloud.models.batch import Batch
from accelerator.cloud.models.mailing import Mailing


class Intent(models.Model):
    """A send intent and what came of it. A mailing has at most one per address key: nobody is contacted twice.

    A second record with the same address has a row too, suppressed, without address key. The parents carry no
    foreign-key constraint: they outlive their intents, and checking that would cost more than the insert.

    Once its mailing's time is over it names nobody: a seal stands for the address key (`sealing`), the rest is empty.
    """

    class State(models.TextChoices):
        """Names of protocol.Counts and of the tallies."""

        IN_FLIGHT = "in_flight"  # committed; may be on the wire
        DEFERRED = "deferred"  # a definite temporary no; due again
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        SUPPRESSED = "suppressed"
        RENDER_ERRORS = "render_errors"
        UNKNOWN = "unknown"  # nobody can know; never attempted again by itself

    mailing = models.ForeignKey(Mailing, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    position = models.PositiveIntegerField()
    address_key = models.TextField(null=True, db_collation="C")  # noqa: DJ001  null: no claim on the address
    address = models.TextField()
    recipient_id = models.TextField()
    # No index may mention it: an update that touches no index is the cheapest one (HOT).
    state = models.CharField(max_length=16, choices=State.choices)
    attempts = models.PositiveSmallIntegerField(default=0)  # finished ones
    due_at = models.DateTimeField(null=True)  # of the next attempt
    code = models.CharField(max_length=40, default="")
    reply = models.TextField(default="")
    released = models.BooleanField(db_default=False)  # it was unknown, and a person wants it tried again
    shown = models.BooleanField(
        db_default=False
    )  # the recipient used the message while nobody knew what came of it
    committed_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "address_key"], name="intent_once_per_address"),
            models.UniqueConstraint(fields=["batch", "position"], name="intent_once_per_record"),
        ]
        indexes = [
            models.Index(fields=["batch", "due_at"], name="intent_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.position}"

    @property
    def is_forgotten(self) -> bool:
        """Whether nothing more is told of it."""
        return self.address_key is not None and self.is_seal(self.address_key)

    @staticmethod
    def is_seal(key: str) -> bool:
        """Whether it stands for an address key; in those there is an @."""
        return "@" not in key
