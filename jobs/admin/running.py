"""Jobs and what belongs to them, for administrators: looked at, never edited. Asks go through `control`."""

# ruff: noqa: ARG002 - the arguments are the admin's

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from jobs import control, warehouses
from jobs.control import AskRefused
from jobs.models import (
    Ask,
    Job,
    Notice,
    Pulse,
    Step,
    Suppression,
    SuppressionChange,
    Transition,
    Warehouse,
)
from jobs.states import Wish
from jobs.warehouses.errors import WarehouseError


class ReadOnly:
    """History and machinery: nobody adds, changes or deletes it by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class TransitionInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """The ledger: every change of state."""

    model = Transition
    fields = ("number", "at", "origin", "target", "cause", "by", "why", "counts")
    extra = 0


class AskInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """The ledger: every Ask."""

    model = Ask
    fields = ("number", "at", "wish", "by", "why", "seen_state", "seen_version", "outcome", "settled_at")
    extra = 0


@admin.register(Job)
class JobAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """A Job as its row, with its ledger. Its state is changed by asking, here as on its page."""

    list_display = ("name", "state", "request_id", "account", "created_at")
    list_filter = ("state", "failure", "account")
    list_select_related = ("account",)
    search_fields = ("id", "request_id", "name")
    date_hierarchy = "created_at"
    exclude = ("deleted_at", "deleted_by")  # what is deleted is not shown here either
    inlines = (TransitionInline, AskInline)
    actions = ("pause", "resume", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return Job.objects.visible_to(request.user)

    @admin.action(description="Pause the selected Jobs")
    def pause(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        for job in jobs:
            ask(request, job, Wish.PAUSE, seen=job.version)

    @admin.action(description="Resume the selected Jobs")
    def resume(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        for job in jobs:
            ask(request, job, Wish.RESUME, seen=job.version)

    @admin.action(description="Cancel the selected Jobs…")
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> TemplateResponse | None:
        """Not undone by anything: say for each Job what it means, and ask once it is confirmed."""
        if "confirmed" in request.POST:
            for job in jobs:
                seen = request.POST.get(f"seen-{job.pk}", "")
                ask(request, job, Wish.CANCEL, seen=int(seen) if seen.isdigit() else -1)
            return None
        rows = [
            (job, control.cancel_warning(job) if Wish.CANCEL in control.offers(job) else []) for job in jobs
        ]
        context = self.admin_site.each_context(request) | {
            "title": "Cancel the selected Jobs",
            "opts": self.opts,
            "rows": rows,
            "any": any(warning for _, warning in rows),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "jobs/admin_cancel.html", context)


def ask(request: HttpRequest, job: Job, wish: Wish, *, seen: int) -> None:
    """One Ask through the door, and its message."""
    if not request.user.is_authenticated:
        return
    try:
        acknowledgement = control.ask(job, wish, by=request.user, seen=seen, why="Asked in the admin")
    except AskRefused as refusal:
        messages.error(request, f"{job}: {refusal}")
    else:
        messages.info(request, f"{job}: {acknowledgement.message}")


@admin.register(Notice)
class NoticeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The outbox of notification mails."""

    list_display = ("subject", "to", "outcome", "created_at", "settled_at")
    list_filter = ("outcome",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return super().get_queryset(request).filter(job__deleted_at=None)


@admin.register(Step)
class StepAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """What is due, and who holds it."""

    list_display = ("job", "kind", "due_at", "leased_until", "epoch", "attempts")
    list_filter = ("kind",)
    list_select_related = ("job",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Step]:
        return super().get_queryset(request).filter(job__deleted_at=None)


@admin.register(Pulse)
class PulseAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Which workers live, and when the sweep was here last."""

    list_display = ("name", "queues", "at")
    ordering = ("name",)


@admin.register(Suppression)
class SuppressionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The list lives at the Cloud and has a page of its own; the entry here leads to it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Suppression]:
        return Suppression.objects.none()  # no table is asked for what an address names

    def changelist_view(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        return redirect("suppressions:list")


@admin.register(SuppressionChange)
class SuppressionChangeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who changed the suppression list. The page of the list says it for one address."""

    list_display = ("at", "by", "act", "addresses", "count")
    list_display_links = ("at",)
    list_filter = ("act",)
    list_select_related = ("by",)
    date_hierarchy = "at"

    @admin.display
    def addresses(self, change: SuppressionChange) -> int:
        return len(change.digests)


class WarehouseForm(forms.ModelForm):  # type: ignore[type-arg]
    """A Warehouse and its password, which goes in here and never comes out again."""

    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty: it stays as it is. Stored sealed with the SECRET_KEY; env:NAME and file:/path are stored "
        "as they are, and read when the Warehouse is.",
    )
    forget = forms.BooleanField(required=False, label="Forget the stored password")

    class Meta:
        model = Warehouse
        fields = ("name", "kind", "location", "account")

    def clean_location(self) -> str:
        location: str = self.cleaned_data["location"]
        try:
            password = urlsplit(location).password
        except ValueError:
            password = None
        if password:
            raise ValidationError(
                "The password does not belong here, where it can be read; it has its own field."
            )
        return location

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["forget"]:
            self.instance.secret = ""
        if self.cleaned_data["password"]:
            self.instance.secret = warehouses.seal_secret(self.cleaned_data["password"])
        return super().save(commit)


@admin.register(Warehouse)
class WarehouseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Where audiences are read from, and how to get in."""

    form = WarehouseForm
    fields = ("name", "kind", "location", "account", "stored", "password", "forget")
    readonly_fields = ("stored",)
    list_display = ("name", "kind", "location", "account", "stored")
    list_select_related = ("account",)
    actions = ("test",)

    @admin.display(description="stored password")
    def stored(self, warehouse: Warehouse) -> str:
        """Whether there is one; a reference is no secret and is shown."""
        if not warehouse.secret:
            return "none"
        return "sealed" if warehouse.secret.startswith("sealed:") else warehouse.secret

    @admin.action(description="Test the selected Warehouses", permissions=["view"])
    def test(self, request: HttpRequest, chosen: QuerySet[Warehouse]) -> None:
        for warehouse in chosen:
            try:
                warehouses.check(warehouse)
            except WarehouseError as error:
                messages.error(request, f"{warehouse}: {error}")
            else:
                messages.success(request, f"{warehouse} answers.")
