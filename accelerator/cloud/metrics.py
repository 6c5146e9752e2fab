"""Numbers for Prometheus: a few queries over batches and mailings, none over recipients."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.core import GaugeMetricFamily, Metric

from accelerator import watching
from accelerator.cloud import guarding
from accelerator.cloud.models import Batch, Mailing, Pulse


def _render() -> bytes:
    prefix = str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"])
    lengths = watching.queue_lengths(settings.CLOUD_REDIS_URL, prefix, [settings.CELERY_TASK_DEFAULT_QUEUE])
    return watching.exposition([*_batches(), *_mailings(), watching.pulse_ages(Pulse), lengths])


look = watching.Look(_render)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever knows the METRICS_TOKEN."""
    return watching.metrics(request, look)


def _batches() -> Iterator[Metric]:
    numbers = Batch.objects.filter(due_at__isnull=False).aggregate(
        due=Count("pk", filter=Q(due_at__lte=Now())), leased=Count("pk", filter=Q(leased_until__gt=Now()))
    )
    yield GaugeMetricFamily(
        "accelerator_batches_due", "Batches that are due, leased or not.", value=numbers["due"]
    )
    yield GaugeMetricFamily(
        "accelerator_batches_leased", "Batches that a sender holds.", value=numbers["leased"]
    )


def _mailings() -> Iterator[Metric]:
    numbers = Mailing.objects.aggregate(
        held=Count("pk", filter=Q(pk__in=guarding.held().values("pk"))),
        stopped=Count("pk", filter=~Q(stopped_code="")),
    )
    yield GaugeMetricFamily(
        "accelerator_mailings_held", "Mailings that wait for the mail server.", value=numbers["held"]
    )
    yield GaugeMetricFamily(
        "accelerator_mailings_stopped", "Mailings that wait for a person.", value=numbers["stopped"]
    )
