"""The suppression lists live at the Cloud; here is who may see or change everybody's, and who changed what."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Now


def account_key(account: Group | None) -> str:
    """What the Cloud knows an account by; none: everybody. Names change, and this does not."""
    return str(account.pk) if account else ""


class Suppression(models.Model):
    """No table: it carries the permissions, and the entry in the admin that leads to the page."""

    class Meta:
        managed = False
        default_permissions = ("view", "change")
        verbose_name = "suppressed address"
        verbose_name_plural = "suppression list"

    def __str__(self) -> str:
        return "suppression list"


class SuppressionChange(models.Model):
    """What a person did to a list: written before the Cloud is asked, `count` when it has answered.

    No address stands here, but a digest of each address key (`jobs.suppressing.digest`).
    """

    class Act(models.TextChoices):
        """What was done."""

        ADDED = "added", "added to the list"
        REMOVED = "removed", "removed from the list"

    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    act = models.CharField(max_length=10, choices=Act)
    account = models.ForeignKey(
        Group,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose list it was; empty: everybody's.",
    )
    digests = models.JSONField()
    count = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Entries that were made or removed; empty: the Cloud did not answer, and it may have been done.",
    )

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{len(self.digests)} {self.get_act_display()}"
