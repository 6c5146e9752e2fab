"""What a person did about recipients of whom nobody can know: kept before the Cloud is asked."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job


class Release(models.Model):
    """Unknown recipients are to be tried again, or a process that left them is said to be gone with its machine.

    Asked again under the same `act` until the Cloud has answered, which does it once.
    """

    class Kind(models.TextChoices):
        """What was done."""

        RELEASED = "released", "Unknown recipients tried again"
        GONE = "gone", "Process said to be gone"

    class Outcome(models.TextChoices):
        """What the Cloud answered."""

        ASKED = "asked", "the Cloud has not answered"
        DONE = "done", "done"
        REFUSED = "refused", "refused"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="releases")
    act = models.UUIDField(unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    at = models.DateTimeField(db_default=Now())
    why = models.CharField(max_length=500)
    # Of a release, how many the person saw; of a process, its number at the Cloud and how people know it.
    seen = models.PositiveIntegerField(default=0)
    sender = models.PositiveBigIntegerField(null=True, blank=True)
    sender_name = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.ASKED)
    recipients = models.PositiveIntegerField(null=True, blank=True)
    refusal = models.TextField(blank=True)

    class Meta:
        ordering = ("at",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.job_id}"
