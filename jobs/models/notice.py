"""The outbox of notification mails: written with the change they tell of, handed over at most once."""

from django.db import models
from django.db.models.functions import Now

from accelerator.leases import Leased
from jobs.models.job import Job


class Notice(Leased):
    """One mail to a Job's Notification Email Address. At most one for a Job."""

    class Outcome(models.TextChoices):
        """How the hand-over to the mail server ended."""

        PENDING = "pending", "not handed over yet"
        HANDING_OVER = "handing_over", "being handed over"
        SENT = "sent", "accepted by the mail server"
        REFUSED = "refused", "refused by the mail server"
        UNKNOWN = "unknown", "unknown: the line died where nobody can know"

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="notice")
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=15, choices=Outcome, default=Outcome.PENDING)
    settled_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.subject
