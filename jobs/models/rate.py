"""How fast a running Job may go, when a person changes it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job


class RateChange(models.Model):
    """Messages an hour of a Job from then on, of all (0: no limit) and to receiving domains: whole, not a difference.

    The Cloud is told of the latest one under its number; apart from the Asks, so that no pause waits for it.
    """

    class Outcome(models.TextChoices):
        """What became of it."""

        PENDING = "pending", "waiting for the Cloud"
        IN_FORCE = "in_force", "in force"
        REPLACED = "replaced", "replaced by a later one"
        REFUSED = "refused", "refused by the Cloud"
        LAPSED = "lapsed", "lapsed: the Job had ended"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="rate_changes")
    number = models.PositiveBigIntegerField()
    # Null: learned from the Cloud, by a database that is older than the change.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    at = models.DateTimeField(db_default=Now())
    why = models.CharField(max_length=500, blank=True)
    rate_per_hour = models.PositiveIntegerField()
    domain_rates = models.JSONField(default=dict)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.PENDING)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("job", "number"), name="rate_change_number_once")]

    def __str__(self) -> str:
        return f"rate #{self.number}"
