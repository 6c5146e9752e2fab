"""What watches us from outside: /readyz and /metrics, alike at the dashboard and at the Cloud.

Whatever is looked at may be away, or frozen, and the answer comes all the same.
"""

import contextlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from functools import cache
from typing import Generic, TypeVar

import redis
from django.conf import settings
from django.db import Error, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.retry import Retry

from accelerator import pulses
from accelerator.protocol import HealthPart

logger = logging.getLogger(__name__)

DEADLINE = 2.0  # seconds until what does not answer counts as away
BROKER_DEADLINE = 1.0

# How long a step or a batch may be due without an owner: sweeps come every few seconds.
OVERDUE = timedelta(seconds=60)

# What is said when something is away; anything else that goes wrong here is a mistake of ours.
AWAY = (Error, redis.RedisError, OSError)

Found = TypeVar("Found")


class Look(Generic[Found]):
    """A look at something that may not answer, in a thread of its own: nobody waits for it beyond the deadline.

    There is one look at a time, however many ask and however long it takes.
    """

    def __init__(self, look: Callable[[], Found]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._current: Future[Found] | None = None

    def begin(self) -> "Future[Found]":
        """The look that is going on, or a new one."""
        with self._lock:
            if self._current is None or self._current.done():
                self._current = Future()
                threading.Thread(target=self._run, args=(self._current,), name="look", daemon=True).start()
            return self._current

    def _run(self, current: "Future[Found]") -> None:
        try:
            found = self._look()
        except BaseException as error:  # noqa: BLE001  it is raised where the result is waited for
            connections.close_all()
            current.set_exception(error)
        else:
            connections.close_all()
            current.set_result(found)


# --- readiness ------------------------------------------------------------------------------------------


def parts(looks: Sequence[tuple[Look[list[HealthPart]], HealthPart]]) -> list[HealthPart]:
    """What all looks find; where one finds nothing in time, the part that says so. Never raises."""
    deadline = time.monotonic() + DEADLINE
    begun = [(look.begin(), away) for look, away in looks]
    found: list[HealthPart] = []
    for current, away in begun:
        try:
            found += current.result(max(0.0, deadline - time.monotonic()))
        except Exception as error:  # a probe is answered, whatever is wrong
            unexpected = None if isinstance(error, AWAY) else error
            logger.warning("%s: %s", away.name, type(error).__name__, exc_info=unexpected)
            found.append(away)
    return found


def ready(found: Sequence[HealthPart]) -> JsonResponse:
    """200 if every part is well, else 503."""
    well = all(part.ok for part in found)
    document = {"ready": well, "parts": [part.model_dump() for part in found]}
    response = JsonResponse(document, status=200 if well else 503)
    response["Cache-Control"] = "no-store"
    return response


def unapplied() -> int:
    """Migrations of this version that the database lacks. Raises django.db.Error."""
    return len(_migrations() - set(MigrationRecorder(connection).applied_migrations()))


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def overdue() -> Q:
    """Leased work (`accelerator.leases`) that has been due for long and is nobody's."""
    return Q(due_at__lt=Now() - OVERDUE) & (Q(leased_until__isnull=True) | Q(leased_until__lt=Now()))


def ping(url: str) -> None:
    """Raises redis.RedisError or OSError if the broker does not answer."""
    with _broker(url) as broker:
        broker.ping()


def _broker(url: str) -> redis.Redis:
    """A client that does not wait for long and tries once."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=BROKER_DEADLINE,
        socket_timeout=BROKER_DEADLINE,
        retry=Retry(NoBackoff(), 0),
    )


# --- metrics --------------------------------------------------------------------------------------------


class _Once(Collector):
    """Metrics that are computed when they are asked for."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """Metrics in Prometheus' text format, from a registry that is this answer's alone."""
    registry = CollectorRegistry()
    registry.register(_Once(families))
    return generate_latest(registry)


def pulse_ages(model: pulses.Model) -> Metric:
    """How long ago each worker, and the sweep, was seen."""
    family = GaugeMetricFamily(
        "accelerator_pulse_age_seconds", "Seconds since the last beat.", labels=["name"]
    )
    for one in pulses.seen(model):
        family.add_metric([one.name], one.age)
    return family


def queue_lengths(url: str, prefix: str, queues: Iterable[str]) -> Metric:
    """Wake-ups in the broker; without a broker none is given, and all other metrics are all the same."""
    family = GaugeMetricFamily(
        "accelerator_queue_length", "Wake-ups that no worker took yet.", labels=["queue"]
    )
    with contextlib.suppress(redis.RedisError, OSError), _broker(url) as broker:
        for queue in queues:
            family.add_metric([queue], float(broker.llen(f"{prefix}{queue}")))
    return family


def metrics(request: HttpRequest, look: Look[bytes]) -> HttpResponse:
    """For whoever knows the METRICS_TOKEN (RFC 6750, section 2.1); without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if scheme.lower() != "bearer" or not known:
        return HttpResponse(
            "The METRICS_TOKEN is needed.", status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    try:
        return HttpResponse(look.begin().result(DEADLINE), content_type=CONTENT_TYPE_LATEST)
    except AWAY as error:
        logger.warning("metrics: %s", type(error).__name__)
        return HttpResponse("The database does not answer.", status=503, content_type="text/plain")
