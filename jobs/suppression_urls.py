"""Where the suppression lists are. One page for all: what is done there travels in the body, as addresses must."""

from django.urls import path

from jobs.views import suppressions

app_name = "suppressions"

urlpatterns = [
    path("", suppressions.suppressions, name="list"),
    path("export/", suppressions.export, name="export"),
]
