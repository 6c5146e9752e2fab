"""The Cloud's addresses: the API for the dashboard, and the links in mails for everybody."""

from django.urls import path

from accelerator.cloud import tracking, views

urlpatterns = [
    path("healthz", views.healthz),
    path("v1/", views.api.urls),
    path("u/<str:token>", tracking.unsubscribe, name="unsubscribe"),
]
