"""What a marketer plans: Audience, Template, Sending Profile, Campaign; and the Launches that became Jobs."""

import uuid
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse

from accelerator import rendering
from jobs.models import Job, LaunchValue, Warehouse

Planned = TypeVar("Planned", bound="Plan")


def shown(value: object) -> str | None:
    """A value of the warehouse as a table of records shows it; None is a NULL."""
    return value if value is None or isinstance(value, str) else rendering.shown(value)


class PlanQuerySet(models.QuerySet[Planned]):
    """Things that belong to an account, and who may see which."""

    def visible_to(self, user: User | AnonymousUser) -> "PlanQuerySet[Planned]":
        """Those of the person's accounts; everything for superusers."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(account__in=user.groups.all())


class Plan(models.Model):
    """What every planned thing has: the account that sees it, a name, and when it changed."""

    account = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Audience(Plan):
    """A named SQL SELECT against a Warehouse, with its recipient-id and email columns."""

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="+")
    sql = models.TextField("SQL")
    recipient_id_column = models.CharField(max_length=100)
    email_column = models.CharField(max_length=100)
    # The launch variables of the SQL, `{{ name }}`: each with its kind and the value that previews and counts are
    # bound to, and that a launch begins with (`jobs.models.LaunchValue`).
    variables = models.JSONField("launch variables", default=list, blank=True)
    # What the warehouse said last: the number of rows and when it was counted; the columns (name to type) and the
    # first few rows, which previews are rendered with, each as pairs of name and value (JSON objects lose their order).
    # The rows are people's, and are kept for as long as `campaigns.retention` says.
    size = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    counted_at = models.DateTimeField(null=True, blank=True, editable=False)
    columns = models.JSONField(default=dict, blank=True, editable=False)
    sample = models.JSONField(default=list, blank=True, editable=False)
    sampled_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PlanQuerySet["Audience"].as_manager()

    def get_absolute_url(self) -> str:
        return reverse("campaigns:audience", args=[self.pk])

    @property
    def launch_values(self) -> tuple[LaunchValue, ...]:
        """The launch variables, with the values that the Audience itself has for them."""
        return tuple(LaunchValue.model_validate(variable) for variable in self.variables)

    @property
    def cells(self) -> list[list[str | None]]:
        """The sample as a table shows it, under `column_names`."""
        return [[shown(value) for _, value in pairs] for pairs in self.sample]

    @property
    def column_names(self) -> list[str]:
        """The columns in the order of the SELECT, as far as it is known."""
        return [name for name, _ in self.sample[0]] if self.sample else list(self.columns)

    @property
    def records(self) -> list[dict[str, object]]:
        """The sample: the first few rows, in the order of the SELECT's columns."""
        return [dict(pairs) for pairs in self.sample]


class Template(Plan):
    """Subject, HTML and text, personalised per recipient (`accelerator.rendering`)."""

    subject = models.CharField(max_length=2000)
    html = models.TextField("HTML")
    text = models.TextField("text")

    objects = PlanQuerySet["Template"].as_manager()

    def get_absolute_url(self) -> str:
        return reverse("campaigns:template", args=[self.pk])


class SendingProfile(Plan):
    """Whose name and address stand on the message, and who takes it to its recipient."""

    from_name = models.CharField(max_length=200)
    from_address = models.EmailField()
    reply_to = models.EmailField(blank=True)
    # A service that the Cloud knows by this name; empty: its mail server.
    service = models.CharField("sent through", max_length=40, blank=True, default="", db_default="")

    objects = PlanQuerySet["SendingProfile"].as_manager()

    def get_absolute_url(self) -> str:
        return reverse("campaigns:sending_profile", args=[self.pk])


class Campaign(Plan):
    """Who, What, When, Advanced. It may be incomplete; `launching.blockers` says what keeps it from a launch."""

    audience = models.ForeignKey(
        Audience, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    template = models.ForeignKey(
        Template, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    sending_profile = models.ForeignKey(
        SendingProfile, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    notification_address = models.EmailField("Notification Email Address", blank=True)
    rate_per_hour = models.PositiveIntegerField(
        "messages per hour", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    # Messages an hour by receiving domain, normal ones.
    domain_rates = models.JSONField("messages per hour to receiving domains", default=dict, blank=True)
    # What all recipients share: a document, or what a SELECT against the Audience's Warehouse gives. Of a SELECT,
    # `supplemental` is what it gave last, which previews are rendered with; a Job asks it anew.
    supplemental = models.JSONField("Supplemental Data", default=dict, blank=True)
    supplemental_sql = models.TextField("Supplemental Data by SQL", blank=True)
    # By how many per cent the Audience's size may differ from the last one before a launch waits for a person.
    most_change = models.PositiveSmallIntegerField(
        "ask when the size differs by more than (per cent)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
    )

    objects = PlanQuerySet["Campaign"].as_manager()

    def get_absolute_url(self) -> str:
        return reverse("campaigns:overview", args=[self.pk])


class Launch(models.Model):
    """The moment a Campaign became a Job: who, when, which Job. `token` is the confirm form's: one form, one Job.

    It outlives its Job: the form of a Job that was deleted since must not launch a second one.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="launches")
    job = models.OneToOneField(Job, on_delete=models.SET_NULL, null=True, related_name="launch")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    token = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        ordering = ("-at",)
        verbose_name_plural = "launches"

    def __str__(self) -> str:
        return f"{self.campaign} by {self.by}"
