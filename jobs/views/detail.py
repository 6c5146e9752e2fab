"""Job Analytics: the page of a Job, and the parts of it that are live."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.models import Job
from jobs.states import Cause
from jobs.views import outcome
from jobs.views.loading import Request, job_visible_to, name_of
from jobs.views.picture import Picture, news, picture

SETTLED = {
    Cause.PAUSE: "Paused, as {who} asked. Nobody new is contacted.",
    Cause.RESUME: "Resumed, as {who} asked.",
    Cause.CANCEL: "Cancelled, as {who} asked. Nobody else is contacted.",
}


@never_cache
@require_safe
def detail(request: Request, pk: uuid.UUID) -> HttpResponse:
    """The whole page; for htmx, which says what it shows, only the news: 204 where there is none."""
    job = job_visible_to(request.user, pk)
    context = picture(job, request.user)
    if not request.htmx:
        figure = outcome.figure(job, context["counted"])
        return render(request, "jobs/detail.html", context | figure)
    fresh = news(context, request.GET.dict())
    if fresh is None:
        return HttpResponse(status=204)
    if fresh["state_changed"]:
        fresh |= _tell(request, context)
    return render(request, "jobs/detail.html#news", fresh)


def answer(request: Request, job: Job) -> HttpResponse:
    """What follows an Ask made through htmx: every live part as it is now, and the messages."""
    fresh = news(picture(job, request.user), {})
    return render(request, "jobs/detail.html#news", (fresh or {}) | {"say": True})


def _tell(request: Request, context: Picture) -> Picture:
    """Say what changed: visibly what a person had asked for, otherwise only to those who hear the page.

    Either way the message that acknowledged the Ask has done its work and is taken away.
    """
    job, latest = context["job"], context["latest"]
    said = {"say": True, "announcement": f"The Job is {job.get_state_display()}."}
    if context["pending"]:
        return said | {"say": False, "announcement": f"{context['pending_text']}, waiting for the Cloud."}
    if job.awaits_confirmation:
        said["announcement"] = "The Job waits for somebody to confirm the size of its Audience."
    newly = request.GET.get("state", "").partition(".")[0] != str(job.version)
    if newly and latest and latest.ask_id and latest.by:
        messages.info(request, SETTLED[Cause(latest.cause)].format(who=name_of(latest.by)))
        return {"say": True, "announcement": ""}
    return said
