"""Everything is paused at once: who wanted it, when and why."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class GeneralPause(models.Model):
    """An act, not a state: each Job that ran was asked to pause, and one launched later runs. `token` is the form's.

    `resumed_at`: the Jobs that it had paused, and that nobody had asked anything of since, were resumed together.
    """

    token = models.UUIDField(unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    why = models.CharField(max_length=500)
    resumed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    resumed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-at",)
        permissions = [("pause_everything", "Can pause every job at once")]

    def __str__(self) -> str:
        return f"everything paused at {self.at}"
