"""What a marketer plans, for administrators. A Launch is history: it is looked at, not changed."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from campaigns.models import Audience, Campaign, Launch, SendingProfile, Template


@admin.register(Audience)
class AudienceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Saving here runs no SQL; the page of the Audience does."""

    list_display = ("name", "account", "warehouse", "size", "counted_at")
    list_filter = ("account", "warehouse")
    list_select_related = ("account", "warehouse")
    search_fields = ("name", "sql")
    readonly_fields = ("variables",)


@admin.register(Template)
class TemplateAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Saving here compiles nothing; the page of the Template does."""

    list_display = ("name", "account", "subject", "updated_at")
    list_filter = ("account",)
    list_select_related = ("account",)
    search_fields = ("name", "subject")


@admin.register(SendingProfile)
class SendingProfileAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who messages come from."""

    list_display = ("name", "account", "from_name", "from_address", "service")
    list_filter = ("account",)
    list_select_related = ("account",)
    search_fields = ("name", "from_name", "from_address")


@admin.register(Campaign)
class CampaignAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Campaigns are launched from their Overview, not from here."""

    list_display = ("name", "account", "audience", "template", "updated_at")
    list_filter = ("account",)
    list_select_related = ("account", "audience", "template")
    search_fields = ("name",)


@admin.register(Launch)
class LaunchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who launched what, and which Job it became."""

    list_display = ("campaign", "by", "at", "job")
    list_select_related = ("campaign", "by", "job")
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Launch]:
        """Deleted Jobs are gone from the admin too."""
        return super().get_queryset(request).filter(job__deleted_at=None)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Launch | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Launch | None = None) -> bool:  # noqa: ARG002
        return False
