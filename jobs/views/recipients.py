"""The recipients of one class of a Job, as the Cloud lists them."""

import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs import client, results
from jobs.client import CloudRefused, CloudUnreachable
from jobs.models import Job
from jobs.views.loading import Request, job_visible_to


@never_cache
@require_safe
def recipients(request: Request, pk: uuid.UUID, outcome: str) -> HttpResponse:
    """A page of them; where the Cloud can't be asked, the sentence that says so."""
    job = job_visible_to(request.user, pk)
    if outcome not in results.LISTED:
        raise Http404
    context: dict[str, object] = {"job": job, "segment": _segment(job, outcome)}
    status = 200
    if job.request_id:
        try:
            context["page"] = client.recipients(job, outcome, request.GET.get("after", ""))
        except CloudUnreachable as error:
            context["trouble"], status = str(error), 503
        except CloudRefused as error:
            context["trouble"], status = str(error), 502
    return render(request, "jobs/recipients.html", context, status=status)


def _segment(job: Job, outcome: str) -> results.Segment:
    return next(segment for segment in results.breakdown(job).segments if segment.name == outcome)
