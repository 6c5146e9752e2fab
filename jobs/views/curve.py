"""The course of a Job's results: the figure on its page, and the table behind it."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.models import Job
from jobs.results import analytics
from jobs.results.series import MEASURES, Bucket, Series, series
from jobs.views import outcome
from jobs.views.loading import Request, job_visible_to


@never_cache
@require_safe
def curve(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Every bucket as a row; for htmx, which says what it shows, the figure: 204 where it is the same."""
    job = job_visible_to(request.user, pk)
    if not request.htmx:
        return render(request, "jobs/curve.html", _table(job, series(job, job.transitions.all())))
    counted = analytics.tallies(job)
    if request.GET.get("shown") == outcome.key(job, counted):
        return HttpResponse(status=204)
    context = {"job": job, **outcome.figure(job, counted)}
    return render(request, "jobs/detail.html#figure", context)


def _table(job: Job, found: Series) -> dict[str, object]:
    rows = [(bucket.start, _counts(bucket)) for bucket in found.buckets]
    together = _counts(found.total) if rows else []
    return {"job": job, "series": found, "rows": rows, "together": together, "shown": outcome.shown(job)}


def _counts(bucket: Bucket) -> list[int]:
    """In the order of the table's columns."""
    return [getattr(bucket, measure) for measure in MEASURES]
