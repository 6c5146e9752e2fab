"""Jobs, and the machinery that carries them: looked at, never edited. Asks go through `control`."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from jobs import control
from jobs.admin.looking import ReadOnly
from jobs.control import AskRefused
from jobs.models import Ask, GeneralPause, Job, Notice, Pulse, RateChange, Release, Step, Transition
from jobs.states import Wish


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


class RateChangeInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """Every change of the rate."""

    model = RateChange
    fields = ("number", "at", "rate_per_hour", "domain_rates", "by", "why", "outcome", "settled_at")
    extra = 0


class ReleaseInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """Unknown recipients that somebody wanted tried again, and processes said to be gone for that."""

    model = Release
    fields = ("at", "kind", "by", "why", "sender_name", "outcome", "recipients", "refusal")
    extra = 0


@admin.register(GeneralPause)
class GeneralPauseAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who paused everything at once, when and why. It has a page of its own, with the button."""

    list_display = ("at", "by", "why", "resumed_at", "resumed_by")
    list_display_links = ("at",)
    list_select_related = ("by", "resumed_by")
    date_hierarchy = "at"


@admin.register(Job)
class JobAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """A Job as its row, with its ledger. Its state is changed by asking, here as on its page."""

    list_display = ("name", "state", "request_id", "account", "created_at")
    list_filter = ("state", "failure", "account")
    list_select_related = ("account",)
    search_fields = ("id", "request_id", "name")
    date_hierarchy = "created_at"
    exclude = ("deleted_at", "deleted_by")  # what is deleted is not shown here either
    inlines = (TransitionInline, AskInline, RateChangeInline, ReleaseInline)
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
