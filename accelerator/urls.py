"""The dashboard's addresses."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from accelerator import watching
from jobs import health
from jobs import metrics as numbers


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; what it depends on is another question."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """How the dashboard is, part by part (`jobs.health`); 503 if a part is not well."""
    return watching.ready(health.parts())


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus (`jobs.metrics`), for whoever knows the METRICS_TOKEN."""
    return watching.metrics(request, numbers.look)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="campaigns:list"), name="home"),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("campaigns/", include("campaigns.urls")),
    path("jobs/", include("jobs.urls")),
    path("suppressions/", include("jobs.suppression_urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
