"""The whole timeline of a Job, behind the latest lines on its page: as many at a time."""

import uuid
from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.views import timeline
from jobs.views.loading import Request, job_visible_to


@never_cache
@require_safe
def ledger(request: Request, pk: uuid.UUID) -> HttpResponse:
    """The lines before a moment, or the latest. A moment that no page gave is not found."""
    job = job_visible_to(request.user, pk)
    before = _moment(request.GET.get("before", ""))
    context = {"job": job, "before": before, "timeline": timeline.page(job, before)}
    return render(request, "jobs/timeline.html", context)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Http404 from None
    if moment.tzinfo is None:
        raise Http404
    return moment
