"""The Cloud's addresses: the API for the dashboard, and the links in mails for everybody, and what services call."""

from django.urls import path

from accelerator.cloud import health, metrics, tracking, views
from accelerator.cloud.inbound import hooks

urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("v1/", views.api.urls),
    path("o/<str:token>", tracking.opened, name="open"),
    path("c/<str:token>", tracking.clicked, name="click"),
    path("t/<str:token>", tracking.trapped, name="trap"),
    path("w/<str:name>", hooks.told),
    path("u/<str:token>", tracking.unsubscribed, name="unsubscribe"),
]
