"""A Mailing: what the Cloud was told to do and what it was last asked, and the pace it may go at."""

import uuid

from django.db import models
from django.db.models.functions import Now

from accelerator.protocol import Desired


class Mailing(models.Model):
    """One row per key the Cloud has heard of; `request_id` is null while only a control is known.

    Whoever commits send intents locks this row FOR SHARE first, whoever changes what is desired locks it
    FOR UPDATE: after a pause is answered, no intent can follow.
    """

    key = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001  unique, and absent at first
    # Canonical JSON as text, not jsonb: it is only ever read whole, and jsonb refuses some JSON (\u0000).
    instructions = models.TextField(default="")
    supplemental = models.TextField(default="")
    digest = models.CharField(max_length=64, default="")
    accepted_at = models.DateTimeField(null=True)
    # As instructed; apart, because an old mail's link still puts somebody on the account's suppression list.
    account = models.CharField(max_length=64, default="", db_default="")

    desired = models.CharField(max_length=10, default=Desired.RUN)
    seq = models.BigIntegerField(default=-1)  # of the control applied last; -1: none
    rate_per_hour = models.PositiveIntegerField(null=True)  # null: as instructed; 0: without limit
    domain_rates = models.JSONField(default=dict)  # messages an hour by receiving domain
    rate_seq = models.BigIntegerField(default=-1)  # of the change of rates applied last; -1: as instructed

    held_code = models.CharField(max_length=40, default="")
    held_reason = models.TextField(default="")
    held_since = models.DateTimeField(null=True)
    stopped_code = models.CharField(max_length=40, default="")
    stopped_reason = models.TextField(default="")
    stopped_since = models.DateTimeField(null=True)
    # The database was restored from an older copy: whoever was without an outcome is unknown, and nobody is contacted.
    restored_at = models.DateTimeField(null=True)
    # A person resumed it although the Template fails for many: it is not stopped for that again.
    template_excused = models.BooleanField(default=False)

    # Since when nobody of it can be contacted any more; null again once all that names a person is deleted.
    over_at = models.DateTimeField(null=True)
    # When that was begun: from then on nothing is told of its recipients (`retention`).
    forgotten_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.request_id or str(self.key)


class Pace(models.Model):
    """When the next attempt of a mailing may begin: its rate, and the waiting for a server that is away.

    Apart from Mailing, because every window writes it, and windows only share the mailing's row.
    """

    mailing = models.OneToOneField(Mailing, on_delete=models.CASCADE, primary_key=True)
    free_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.mailing_id} from {self.free_at}"


class DomainPace(models.Model):
    """When the next attempt at a receiving domain may begin. Made when it is first asked for.

    `scope` is a mailing's key, or empty for what holds for all mailings together.
    """

    scope = models.CharField(max_length=36)
    domain = models.CharField(max_length=255)
    free_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "domain"], name="domain_pace_once")]

    def __str__(self) -> str:
        return f"{self.scope or 'all'} {self.domain} from {self.free_at}"
