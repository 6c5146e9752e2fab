"""The addresses of Jobs."""

from django.urls import path

from jobs.views import (
    asking,
    curve,
    deleting,
    detail,
    dropped,
    ledger,
    listing,
    pausing,
    rating,
    recipients,
    releasing,
)

app_name = "jobs"

urlpatterns = [
    path("", listing.job_list, name="list"),
    path("pause-everything/", pausing.everything, name="pause_everything"),
    path("<uuid:pk>/", detail.detail, name="detail"),
    path("<uuid:pk>/ask/", asking.ask, name="ask"),
    path("<uuid:pk>/cancel/", asking.cancel, name="cancel"),
    path("<uuid:pk>/size/", asking.size, name="size"),
    path("<uuid:pk>/dropped/", dropped.dropped, name="dropped"),
    path("<uuid:pk>/unknowns/", releasing.unknowns, name="unknowns"),
    path("<uuid:pk>/rate/", rating.rate, name="rate"),
    path("<uuid:pk>/delete/", deleting.delete, name="delete"),
    path("<uuid:pk>/curve/", curve.curve, name="curve"),
    path("<uuid:pk>/timeline/", ledger.ledger, name="timeline"),
    path("<uuid:pk>/recipients/<slug:outcome>/", recipients.recipients, name="recipients"),
]
