"""The Cloud's Celery application. It wakes senders; PostgreSQL decides what is due."""

import os

from celery import Celery, signals

from accelerator.cloud import draining

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accelerator.cloud.settings")

app = Celery("cloud")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_shutting_down.connect
def drain(**_: object) -> None:
    """SIGTERM to the worker: its senders end their windows."""
    draining.ask()
