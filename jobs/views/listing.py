"""The list of Jobs, and the search in it."""

import contextlib
import uuid
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accelerator import storable
from jobs import results
from jobs.models import Job, JobQuerySet, Transition
from jobs.results import Breakdown, analytics
from jobs.results.analytics import Rates
from jobs.states import State
from jobs.templatetags.quantities import share
from jobs.views import bars
from jobs.views.bars import Stretch
from jobs.views.loading import Request, name_of

PAGE = 25


@dataclass(frozen=True)
class Row:
    """A line of the list: a Job, who launched it, how far it is as a small bar and in words, and what came of it."""

    job: Job
    launched_by: str
    bar: list[Stretch]
    progress: str
    rates: Rates


@require_safe
def job_list(request: Request) -> HttpResponse:
    """The Jobs the person may see, the latest first, narrowed by ?q=."""
    wanted = storable.text(request.GET.get("q", "")).strip()
    visible = Job.objects.visible_to(request.user)
    first = Transition.objects.filter(number=0).select_related("by")
    found = found_by(visible, wanted) if wanted else visible
    jobs = found.order_by("-created_at", "pk").prefetch_related(
        Prefetch("transitions", queryset=first, to_attr="launches")
    )
    page = Paginator(jobs, PAGE).get_page(request.GET.get("page"))
    shown = list(page)
    rates = analytics.rates(shown)
    context = {"page": page, "rows": [row(job, rates[job.pk]) for job in shown], "search": wanted}
    return render(request, "jobs/list.html", context)


def found_by(jobs: JobQuerySet, wanted: str) -> JobQuerySet:
    """By Request ID (pasted with spaces, or only its beginning), by the Job's id, or by the campaign's name."""
    compact = "".join(wanted.split()).lower()
    condition = Q(name__icontains=" ".join(wanted.split())) | Q(request_id__istartswith=compact)
    with contextlib.suppress(ValueError):
        condition |= Q(pk=uuid.UUID(compact))
    return jobs.filter(condition)


def row(job: Job, rates: Rates) -> Row:
    """The line of a Job whose first transition was prefetched as `launches`."""
    launches: list[Transition] = getattr(job, "launches", [])
    breakdown = results.breakdown(job)
    return Row(
        job=job,
        launched_by=name_of(launches[0].by if launches else None),
        bar=bars.stretches(breakdown),
        progress=_progress(job, breakdown),
        rates=rates,
    )


def _progress(job: Job, breakdown: Breakdown) -> str:
    if job.awaits_confirmation:
        return f"{job.size_found:,} extracted, to be confirmed"
    if not breakdown.total:
        return "Nobody was contacted" if job.rests else f"{job.extracting:,} extracted so far"
    if job.failure and job.request_id is None:
        return "Nobody was contacted"
    counts = job.counts
    if job.rests or State.COLLECTING in (job.state, job.paused_from):
        return f"{share(counts.delivered / breakdown.total)} of {breakdown.total:,} delivered"
    return f"{share(counts.attempted / breakdown.total)} of {breakdown.total:,} attempted"
