"""What was done with the links in mails, as it came: kept before it is answered, told later. Only `hits` writes it."""

from django.db import models
from django.db.models import Q

from accelerator.cloud.models.batch import Batch
from accelerator.cloud.models.mailing import Mailing


class Hit(models.Model):
    """One loading of a pixel, or one following of a link. Nothing of it changes, but that it is told.

    Whoever keeps it names it: kept again, because nobody knew whether it was, it is still one. Whom it is about is in
    the ledger. The parents carry no constraint: as those of Intent.
    """

    class Kind(models.TextChoices):
        """The first two are names of protocol.EventKind."""

        OPEN = "open"
        CLICK = "click"
        TRAP = "trap"  # a link that nobody sees

    id = models.UUIDField(primary_key=True)
    mailing = models.ForeignKey(
        Mailing, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    batch = models.ForeignKey(
        Batch, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    link = models.PositiveIntegerField(null=True)  # a click's
    machine = models.BooleanField()  # by what the request said of itself
    at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["mailing", "at"], name="hit_untold", condition=Q(told_at__isnull=True)),
            models.Index(fields=["batch", "position"], name="hit_of_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.position} {self.kind}"
