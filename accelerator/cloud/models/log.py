"""The log of a mailing's events: written with what it tells of, numbered when it is read. Only `events` writes it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accelerator.cloud.models.mailing import Mailing


class Log(models.Model):
    """How far a mailing's log is numbered and read. Whoever numbers locks this row: there is one stamper at a time."""

    mailing = models.OneToOneField(
        Mailing, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="+"
    )
    last = models.BigIntegerField(default=0)
    read = models.BigIntegerField(default=0)  # up to here a client says that it has stored it

    def __str__(self) -> str:
        return f"{self.mailing_id} up to {self.last}"


class LogEntry(models.Model):
    """The events of one transaction: a window of outcomes, or one hit of a link.

    `first` is the position of its first event, null until the entry is numbered: numbers given before the commit
    would become visible in another order, and a reader would miss some.
    """

    mailing = models.ForeignKey(
        Mailing, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    first = models.BigIntegerField(null=True)
    count = models.PositiveIntegerField()
    events = models.TextField()  # JSON: protocol.Event without position and at
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "first"], name="log_position_once")]
        indexes = [models.Index(fields=["mailing", "id"], name="log_fresh", condition=Q(first__isnull=True))]

    def __str__(self) -> str:
        return f"{self.mailing_id} from {self.first}"
