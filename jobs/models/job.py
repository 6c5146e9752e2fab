"""A Job: one run of a Campaign. Its state is written by `jobs.lifecycle` and by nothing else."""

import uuid

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse

from accelerator.protocol import Counts
from jobs import states
from jobs.models.instructions import JobInstructions
from jobs.models.warehouse import Warehouse
from jobs.states import Failure, State


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs, and who may see which."""

    def visible_to(self, user: User | AnonymousUser) -> "JobQuerySet":
        """The jobs of the person's accounts; every Job for support and superusers. A deleted Job is seen by nobody."""
        if not user.is_active:
            return self.none()
        kept = self.filter(deleted_at=None)
        if user.has_perm("jobs.view_every_job"):
            return kept
        return kept.filter(account__in=user.groups.all())


class Job(models.Model):
    """One run of a Campaign, from the Audience's SQL to the last event."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    account = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="jobs")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)
    instructions_document = models.JSONField()
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="jobs")

    # The life: state, and the version that every move raises (the compare of the compare-and-set).
    state = models.CharField(max_length=20, choices=State, default=State.INITIALIZING, db_index=True)
    state_since = models.DateTimeField(db_default=Now())
    paused_from = models.CharField(max_length=20, choices=State, null=True, blank=True)  # noqa: DJ001 - null: not paused
    version = models.PositiveIntegerField(default=0)
    last_ask = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=30, choices=Failure, blank=True)
    failure_sentence = models.TextField(blank=True)

    # Initializing: what the extraction found. `extracting` is the growing count before the freeze; `troubles` says how
    # often the warehouse was away or broke off.
    extracting = models.PositiveBigIntegerField(default=0)
    extracting_bytes = models.PositiveBigIntegerField(default=0)
    extraction_started_at = models.DateTimeField(null=True, blank=True)
    troubles = models.PositiveSmallIntegerField(default=0)
    extracted = models.PositiveBigIntegerField(null=True, blank=True)
    dropped_missing = models.PositiveBigIntegerField(default=0)
    dropped_invalid = models.PositiveBigIntegerField(default=0)
    dropped_duplicate = models.PositiveBigIntegerField(default=0)
    # The list of dropped rows in the spool, as long as it is kept; and when the Job's files were deleted for good.
    dropped_file = models.CharField(max_length=200, blank=True)
    forgotten_at = models.DateTimeField(null=True, blank=True)
    # An Audience whose size is far from the last one: what was found, and what a person has confirmed since.
    size_found = models.PositiveBigIntegerField(null=True, blank=True)
    size_confirmed = models.PositiveBigIntegerField(null=True, blank=True)
    size_confirmed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    size_confirmed_at = models.DateTimeField(null=True, blank=True)
    sample_rendered_at = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)

    # Processing and after: what the Cloud said last.
    request_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    transferred_at = models.DateTimeField(null=True, blank=True)
    counts_document = models.JSONField(default=dict)
    counted_at = models.DateTimeField(null=True, blank=True)
    waiting_for = models.TextField(blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    collecting_until = models.DateTimeField(null=True, blank=True)
    # The position of the last event that was stored; written in the transaction that stores it.
    events_cursor = models.BigIntegerField(default=0)
    # After an end without a Request ID: when the Cloud, asked, said that it knows no such mailing.
    denied_at = models.DateTimeField(null=True, blank=True)

    # Deleted: gone from pages, search and admin for good; the row and its ledger stay.
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        permissions = [
            ("view_every_job", "Can see every job (support)"),
            ("release_unknowns", "Can have unknown recipients tried again"),
        ]
        indexes = [models.Index(fields=("account", "-created_at"))]
        constraints = [
            models.CheckConstraint(
                name="paused_job_says_from_where",
                condition=models.Q(state="paused", paused_from__isnull=False)
                | (~models.Q(state="paused") & models.Q(paused_from__isnull=True)),
            ),
            models.CheckConstraint(
                name="failed_job_carries_reason",
                condition=~models.Q(state="failed")
                | (~models.Q(failure="") & ~models.Q(failure_sentence="")),
            ),
            models.CheckConstraint(
                name="request_id_only_after_freeze",
                condition=models.Q(request_id__isnull=True) | models.Q(frozen_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.created_at:%d %b %Y, %H:%M})"

    def get_absolute_url(self) -> str:
        return reverse("jobs:detail", args=[self.pk])

    @property
    def instructions(self) -> JobInstructions:
        """The frozen copy of the Campaign."""
        return JobInstructions.model_validate(self.instructions_document)

    @property
    def counts(self) -> Counts:
        """The Cloud's last exact counts (zeroes before it has any)."""
        return Counts.model_validate(self.counts_document)

    @property
    def dropped(self) -> int:
        """Rows of the Audience that became no record."""
        return self.dropped_missing + self.dropped_invalid + self.dropped_duplicate

    @property
    def awaits_confirmation(self) -> bool:
        """Whether the extraction waits for somebody to confirm the size that it found."""
        return self.state == State.INITIALIZING and self.size_found is not None

    @property
    def rests(self) -> bool:
        """Whether nothing more will happen to its state."""
        return self.state in states.TERMINAL

    @property
    def before_freeze(self) -> bool:
        """Whether no byte of the Job can be at the Cloud."""
        return states.before_freeze(State(self.state), State(self.paused_from) if self.paused_from else None)
