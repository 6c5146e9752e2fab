"""The project as an application: every process of the dashboard knows its broker."""

from importlib import import_module

from django.apps import AppConfig


class AcceleratorConfig(AppConfig):
    """Commands, and the Celery application: without it shared tasks would go to Celery's default broker."""

    name = "accelerator"

    def ready(self) -> None:
        import_module("accelerator.celery")
