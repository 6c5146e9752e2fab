"""The suppression lists, and who changed them. The lists live at the Cloud and have a page of their own."""

# ruff: noqa: ARG002 - the arguments are the admin's

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from jobs.admin.looking import ReadOnly
from jobs.models import Suppression, SuppressionChange


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
    """Who changed which suppression list. The page of the list says it for one address."""

    list_display = ("at", "by", "act", "account", "addresses", "count")
    list_display_links = ("at",)
    list_filter = ("act", "account")
    list_select_related = ("by", "account")
    date_hierarchy = "at"

    @admin.display
    def addresses(self, change: SuppressionChange) -> int:
        return len(change.digests)
