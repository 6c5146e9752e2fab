"""The suppression lists: addresses that no mailing contacts, or none of an account."""

from django.db import models
from django.db.models.functions import Now


class Suppression(models.Model):
    """One address, by its key, on the list of an account or on everybody's (""); checked in the transaction of every
    attempt's intent.
    """

    account = models.CharField(max_length=64, default="", db_default="", db_collation="C")
    address_key = models.TextField(db_collation="C")
    reason = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        # The address first: senders look for addresses on two lists, and few stand on several.
        constraints = [models.UniqueConstraint(fields=["address_key", "account"], name="listed_once")]
        indexes = [models.Index(fields=["account", "id"], name="list_in_pages")]

    def __str__(self) -> str:
        return self.reason
