"""Recipients of whom nobody can know, for those who may have them tried again."""

import datetime
import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accelerator import storable
from accelerator.protocol import LivingSender
from jobs import releasing
from jobs.client import CloudUnreachable
from jobs.models import Job, Release
from jobs.releasing import ReleaseRefused
from jobs.views.loading import Request, SeeOther, job_visible_to

UNREACHABLE = "The Cloud can't be reached now, and only it knows. Nothing was changed; try again in a moment."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unknowns(request: Request, pk: uuid.UUID) -> HttpResponse:
    """GET says how many there are and what stands in the way; POST has them tried again, or says a process is gone."""
    job = job_visible_to(request.user, pk)
    if not request.user.has_perm(releasing.PERMISSION):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, job)
    try:
        act, number = uuid.UUID(request.POST.get("act", "")), int(request.POST.get("number", ""))
    except ValueError:
        return HttpResponseBadRequest("A release names its act and what was seen.")
    why = storable.text(request.POST.get("why", ""))
    try:
        done = _do(request, job, act, number, why)
    except ReleaseRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, job, status=409)
    except CloudUnreachable:
        messages.error(request, releasing.NOT_ANSWERED)
        return _page(request, job, status=503)
    if done.kind == Release.Kind.GONE:
        messages.info(request, f"{done.sender_name} is said to be gone.")
        return SeeOther(request.path)
    messages.info(request, f"{done.recipients or 0:,} are tried again.")
    return SeeOther(job.get_absolute_url())


def _do(request: Request, job: Job, act: uuid.UUID, number: int, why: str) -> Release:
    if request.POST.get("do") == "gone":
        return releasing.declare(job, act, by=request.user, sender=number, why=why)
    return releasing.release(job, act, by=request.user, seen=number, why=why)


def _page(request: Request, job: Job, status: int = 200) -> HttpResponse:
    context: dict[str, object] = {"job": job, "act": uuid.uuid4(), "typed": request.POST.get("why", "")}
    context["unanswered"] = job.releases.filter(outcome=Release.Outcome.ASKED).select_related("by")
    try:
        found = releasing.look(job)
        context |= {"found": found, "senders": [_row(row) for row in found.senders]}
    except ReleaseRefused as refusal:
        context["refusal"] = str(refusal)
    except CloudUnreachable:
        context["refusal"] = UNREACHABLE
    return render(request, "jobs/unknowns.html", context, status=status)


def _row(sender: LivingSender) -> tuple[uuid.UUID, str, int, datetime.datetime]:
    since = datetime.datetime.fromisoformat(sender.since)
    return uuid.uuid4(), releasing.name_of(sender), sender.id, since
