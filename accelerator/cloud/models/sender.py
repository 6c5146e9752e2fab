"""The processes that send, and what those left behind that ended in the middle of it."""

from django.db import models
from django.db.models.functions import Now


class SenderProcess(models.Model):
    """A process that committed send intents. `ended_at` is set once it is proved that it has no message in hand.

    `kernel` names where its number is looked up: whoever runs under the same one can see whether it lives.
    """

    class Proof(models.TextChoices):
        """Who says that it ended."""

        LOOKED = "looked"  # a process under the same kernel found it gone
        DECLARED = "declared"  # a person who knows that its machine is gone

    host = models.CharField(max_length=200)
    kernel = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    started = models.BigIntegerField()  # clock ticks since its kernel did
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    proof = models.CharField(max_length=10, choices=Proof.choices, default="")
    why = models.TextField(default="")  # of a declaration

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kernel", "pid", "started"], name="sender_process_once"),
        ]

    def __str__(self) -> str:
        return f"{self.pid} on {self.host}"


class Abandoned(models.Model):
    """A batch in which a process left intents in flight that another sender called unknown."""

    # No constraints, as with the intents: the parents stay.
    mailing = models.ForeignKey("cloud.Mailing", on_delete=models.DO_NOTHING, db_constraint=False)
    batch = models.ForeignKey("cloud.Batch", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    process = models.ForeignKey(SenderProcess, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "process"], name="abandoned_once"),
        ]

    def __str__(self) -> str:
        return f"batch {self.batch_id} by {self.process_id}"


class Release(models.Model):
    """That unknown recipients of a mailing were to be tried again: a person's act, done once however often it comes."""

    mailing = models.ForeignKey(
        "cloud.Mailing", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    act = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    recipients = models.PositiveIntegerField()
    why = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "act"], name="release_once")]

    def __str__(self) -> str:
        return f"{self.recipients} of {self.mailing_id}"
