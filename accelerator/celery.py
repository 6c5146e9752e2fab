"""The dashboard's Celery application. It carries ids and wakes workers; PostgreSQL decides what is due."""

import gc
import os
from typing import Any

from celery import Celery, signals

from accelerator import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accelerator.settings")

app = Celery("accelerator")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
logs.in_tasks()


@signals.worker_process_init.connect
def settle(**_: object) -> None:
    """What a child finds stays for good: to look through all of it for garbage, again and again, takes a tenth of the
    time of an extraction."""
    gc.freeze()


@signals.worker_ready.connect
def live(sender: Any, **_: object) -> None:
    """The worker is seen from now on, with the queues it takes (`jobs.health`)."""
    from jobs import health  # models can be imported now, and not when this module is

    heart = health.heart(f"worker {sender.hostname}", sender.app.amqp.queues.consume_from)
    heart.start()
    signals.worker_shutdown.connect(lambda **_: heart.close(), weak=False)
