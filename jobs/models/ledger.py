"""The ledger of a Job: every transition and every Ask, with who, when and why."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.general import GeneralPause
from jobs.models.job import Job
from jobs.states import Cause, Failure, State, Wish


class Ask(models.Model):
    """A person's wish about a Job: stored, acknowledged at once, granted a little later.

    `by` is null where the product itself asks: a Job that fails in Processing stops its mailing first, and
    `failure` says with which reason it then fails.
    """

    class Outcome(models.TextChoices):
        """What became of an Ask."""

        PENDING = "pending", "Waiting for the Cloud"
        GRANTED = "granted", "Granted"
        WITHDRAWN = "withdrawn", "Withdrawn"
        LAPSED = "lapsed", "Lapsed"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="asks")
    number = models.PositiveIntegerField()
    wish = models.CharField(max_length=10, choices=Wish)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    at = models.DateTimeField(db_default=Now())
    why = models.CharField(max_length=500, blank=True)
    seen_state = models.CharField(max_length=20, choices=State)
    seen_version = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.PENDING)
    settled_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=30, choices=Failure, blank=True)
    # The act that asked it of every Job, if one did.
    general = models.ForeignKey(
        GeneralPause, on_delete=models.PROTECT, null=True, blank=True, related_name="asks"
    )

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=("job", "number"), name="ask_number_once"),
            models.UniqueConstraint(
                fields=("job",), condition=models.Q(outcome="pending"), name="one_pending_ask"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_wish_display()} #{self.number}"


class Transition(models.Model):
    """One change of state; `number` is the Job's version after it. `counts` are exact at that moment, where known."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="transitions")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    origin = models.CharField(max_length=20, choices=State, blank=True)
    target = models.CharField(max_length=20, choices=State)
    cause = models.CharField(max_length=20, choices=Cause)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    why = models.TextField(blank=True)
    counts = models.JSONField(null=True, blank=True)
    ask = models.ForeignKey(Ask, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("job", "number"), name="transition_number_once")]

    def __str__(self) -> str:
        return f"{self.origin or 'launch'} → {self.target}"
