"""Who wants no more mail: recipients that unsubscribed or complained of spam. Only `objecting` writes it."""

from django.db import models
from django.db.models.functions import Now

from accelerator.cloud.models.batch import Batch


class Objection(models.Model):
    """One recipient's unsubscribe or complaint: whoever inserts the row tells of it, anybody later only repeats it.

    Apart from Intent, whose row senders write, and from the suppression list, which another mailing may have
    brought the address onto.
    """

    class Kind(models.TextChoices):
        """Names of protocol.EventKind."""

        UNSUBSCRIBE = "unsubscribe"
        COMPLAINT = "complaint"

    batch = models.ForeignKey(
        Batch, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "position", "kind"], name="objection_once")]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.position} {self.kind}"
