"""The suppression list: addresses that no mailing contacts."""

from django.db import models
from django.db.models.functions import Now


class Suppression(models.Model):
    """One address, by its key; checked in the transaction of every attempt's intent."""

    address_key = models.TextField(unique=True, db_collation="C")
    reason = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.reason
