"""Numbers for Prometheus: a few queries over what is due and one over the Jobs, none over recipients."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.db.models.functions import Now
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from accelerator import watching
from jobs.models import Ask, Job, Notice, Pulse, Step
from jobs.states import State


def _render() -> bytes:
    queues = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    prefix = str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"])
    lengths = watching.queue_lengths(settings.REDIS_URL, prefix, queues)
    return watching.exposition([*_jobs(), *_steps(), *_waiting(), watching.pulse_ages(Pulse), lengths])


look = watching.Look(_render)


def _jobs() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("accelerator_jobs", "Jobs by state.", labels=["state"])
    rows = Job.objects.order_by().values("state")
    shown = rows.annotate(number=Count("pk", filter=Q(deleted_at=None)), stored=Sum("events_cursor"))
    found = {row["state"]: row for row in shown}
    for state in State:
        jobs.add_metric([state], found[state]["number"] if state in found else 0)
    yield jobs
    events = CounterMetricFamily("accelerator_events_stored", "Events of the Cloud that are stored.")
    events.add_metric([], sum(row["stored"] for row in found.values()))
    yield events


def _steps() -> Iterator[Metric]:
    due = GaugeMetricFamily("accelerator_steps_due", "Steps that are due, owned or not.", labels=["kind"])
    late = GaugeMetricFamily("accelerator_steps_overdue", "Steps that nobody takes up.", labels=["kind"])
    rows = Step.objects.filter(due_at__lte=Now()).order_by().values("kind")
    found = {
        row["kind"]: row
        for row in rows.annotate(due=Count("pk"), late=Count("pk", filter=watching.overdue()))
    }
    for kind in Step.Kind:
        due.add_metric([kind], found[kind]["due"] if kind in found else 0)
        late.add_metric([kind], found[kind]["late"] if kind in found else 0)
    yield due
    yield late


def _waiting() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "accelerator_notices_pending",
        "Notification mails that are not settled.",
        value=Notice.objects.filter(due_at__isnull=False).count(),
    )
    yield GaugeMetricFamily(
        "accelerator_asks_pending",
        "Asks that wait for the Cloud.",
        value=Ask.objects.filter(outcome=Ask.Outcome.PENDING).count(),
    )
