"""Redis or Valkey: does it answer, how fast, and how much waits in the dashboard's queues?"""

import time

import redis
from celery import Celery, current_app
from django.conf import settings

from accelerator import ticking
from accelerator.doctor import Finding, attention, broken, ok
from accelerator.doctor.examination import first_line

PATIENCE = 3
# Milliseconds after which a broker is slow.
SLOW = 200


def look() -> list[Finding]:
    try:
        took = _ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return [
            broken(
                "broker",
                f"Redis or Valkey can't be used: {first_line(error)}. No worker is woken, so Jobs stand still; nothing "
                "is lost. Start it, or correct REDIS_URL.",
            )
        ]
    slow = attention("broker", f"It answers, but after {took:,.0f} ms: look at its load and the network.")
    return [slow if took > SLOW else ok("broker", f"It answers, after {took:.0f} ms."), _queues(current_app)]


def _ping() -> float:
    """Milliseconds that an answer takes, on a line that stands."""
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
    ) as connection:
        connection.ping()
        began = time.monotonic()
        connection.ping()
        return (time.monotonic() - began) * 1000


def _queues(app: Celery) -> Finding:
    lengths = {queue.name: ticking.queued(app, queue.name) for queue in settings.CELERY_TASK_QUEUES}
    told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
    full = [name for name, length in lengths.items() if length >= ticking.ENOUGH // 2]
    if full:
        return attention(
            "queues",
            f"Messages wait: {told}. Nobody seems to work on {', '.join(full)}: are its workers running?",
        )
    return ok("queues", f"Messages that wait: {told}.")
