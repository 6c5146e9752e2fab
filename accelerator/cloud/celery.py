"""The Cloud's Celery application. It wakes senders; PostgreSQL decides what is due."""

import gc
import os
from typing import Any

from celery import Celery, signals

from accelerator import logs
from accelerator.cloud import draining

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accelerator.cloud.settings")

app = Celery("cloud")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
logs.in_tasks()


@signals.worker_process_init.connect
def settle(**_: object) -> None:
    """What a child finds stays for good: nobody looks through all of it for garbage, again and again."""
    gc.freeze()


@signals.worker_ready.connect
def live(sender: Any, **_: object) -> None:
    """The worker is seen from now on, with the queues it takes (`health`)."""
    from accelerator.cloud import health  # models can be imported now, and not when this module is

    heart = health.heart(f"worker {sender.hostname}", sender.app.amqp.queues.consume_from)
    heart.start()
    signals.worker_shutdown.connect(lambda **_: heart.close(), weak=False)


@signals.worker_shutting_down.connect
def drain(**_: object) -> None:
    """SIGTERM to the worker: its senders end their windows."""
    draining.ask()
