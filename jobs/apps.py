"""The jobs application."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """What carries a launch from Audience to last event."""

    name = "jobs"
