"""Warehouses, for administrators: entered, tried out, and explained, a page for each connector."""

# ruff: noqa: ARG002 - the arguments are the admin's

from collections.abc import ItemsView, Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.debug import SafeExceptionReporterFilter
from django.views.decorators.debug import sensitive_post_parameters

from jobs.admin.warehouse_form import WarehouseForm
from jobs.models import Kind, Warehouse
from jobs.warehouses import guide, rightroles, secrets, trial


class Discreet(SafeExceptionReporterFilter):
    """Of an error while a secret is entered: no secret and no variable is shown, not even to a developer (DEBUG)."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: Any
    ) -> ItemsView[str, Any]:
        return {}.items()


@admin.register(Warehouse)
class WarehouseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Where audiences are read from, and how to get in."""

    form = WarehouseForm
    readonly_fields = ("stored",)
    list_display = ("name", "kind", "location", "account", "stored")
    list_select_related = ("account",)
    actions = ("test",)

    class Media:
        css = {"all": ("css/admin.css",)}
        js = ("js/base.js",)

    def get_fields(self, request: HttpRequest, obj: Warehouse | None = None) -> tuple[str, ...]:
        kept = ("stored", "new_secret", "forget") if obj else ("new_secret",)
        return ("name", "kind", "location", "account", *kept)

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path("connectors/", self.connectors, name="jobs_warehouse_connectors"),
            path("connectors/<slug:kind>/", self.connector, name="jobs_warehouse_connector"),
            path("<path:object_id>/test/", self.test_one, name="jobs_warehouse_test"),
        ]
        for page in pages:
            page.callback = self.admin_site.admin_view(page.callback)
        return pages + super().get_urls()

    @method_decorator(sensitive_post_parameters("new_secret"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.exception_reporter_filter = Discreet()
        return super().changeform_view(request, *args, **kwargs)

    @admin.display(description="stored secret")
    def stored(self, warehouse: Warehouse) -> str:
        """Whether there is one; a reference is no secret and is shown."""
        if not warehouse.secret:
            return "none"
        return "sealed" if warehouse.secret.startswith(secrets.SEALED) else warehouse.secret

    @admin.action(description="Test the selected Warehouses", permissions=["view"])
    def test(self, request: HttpRequest, chosen: QuerySet[Warehouse]) -> HttpResponse:
        return self.tried(request, chosen)

    def test_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The button on a Warehouse's page. What is saved is tried, whatever the form says."""
        warehouse = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, warehouse):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if warehouse is None:
            raise Http404
        return self.tried(request, [warehouse])

    def tried(self, request: HttpRequest, chosen: Iterable[Warehouse]) -> HttpResponse:
        return self.page(request, "trial", "Test of Warehouses", trials=trial.tried(chosen))

    def connectors(self, request: HttpRequest) -> HttpResponse:
        """All kinds."""
        return self.page(request, "connectors", "Connectors", kinds=[told(kind) for kind in Kind])

    def connector(self, request: HttpRequest, kind: str) -> HttpResponse:
        """One kind; with ?warehouse= its statements are those of that Warehouse."""
        if kind not in Kind:
            raise Http404
        number = request.GET.get("warehouse", "")
        mine = Warehouse.objects.filter(pk=int(number), kind=kind).first() if number.isdecimal() else None
        about = told(kind) | {
            "statements": rightroles.statements(kind, mine.location if mine else ""),
            "stricter": rightroles.stricter(kind),
            "mine": mine,
            "beginning": secrets.BEGINNING,
            "folder": settings.WAREHOUSE_SECRETS,
        }
        return self.page(request, "connector", guide.name(kind), **about)

    def page(self, request: HttpRequest, template: str, title: str, **context: object) -> HttpResponse:
        """A page of ours within the admin, for whoever may see Warehouses."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shared = self.admin_site.each_context(request) | {"opts": self.opts, "media": self.media}
        return TemplateResponse(
            request, f"admin/jobs/warehouse/{template}.html", shared | {"title": title} | context
        )


def told(kind: str) -> dict[str, object]:
    """A kind, as the pages have it."""
    return {
        "kind": kind,
        "name": guide.name(kind),
        "guide": guide.of(kind),
        "proven": guide.proven(kind),
        "installed": guide.installed(kind),
        "install": guide.how_to_install(kind),
    }
