"""Pausing every Job at once, and resuming them together, for those who may."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accelerator import storable
from jobs import pausing
from jobs.models import GeneralPause
from jobs.pausing import PauseRefused
from jobs.states import State, Wish
from jobs.views.loading import Request, SeeOther

# Acts of before that are shown.
SHOWN = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(pausing.PERMISSION, raise_exception=True)
def everything(request: Request) -> HttpResponse:
    """GET says in numbers what it would mean; POST does it, or resumes what an earlier one had paused."""
    if request.method != "POST":
        return _page(request)
    try:
        if "resume" in request.POST:
            return _resume(request)
        token = uuid.UUID(request.POST.get("token", ""))
    except ValueError:
        return HttpResponseBadRequest("A pause of everything names its form.")
    try:
        _, count = pausing.pause(by=request.user, why=storable.text(request.POST.get("why", "")), token=token)
    except PauseRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, status=409)
    said = f"Pause asked of {_jobs(count)}. Each shows Paused once the Cloud has confirmed."
    messages.info(request, said if count else "No Job was running. Nothing had to be paused.")
    return SeeOther(request.path)


def _resume(request: Request) -> HttpResponse:
    act = get_object_or_404(GeneralPause, pk=int(request.POST["resume"]))
    try:
        count = pausing.resume(act, by=request.user)
    except PauseRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, status=409)
    messages.info(request, f"Resume asked of {_jobs(count)}. Each goes on once the Cloud has confirmed.")
    return SeeOther(request.path)


def _jobs(count: int) -> str:
    return "1 Job" if count == 1 else f"{count:,} Jobs"


def _page(request: Request, status: int = 200) -> HttpResponse:
    running = pausing.running()
    paused = Count("asks", filter=Q(asks__wish=Wish.PAUSE))
    acts = GeneralPause.objects.select_related("by", "resumed_by").annotate(paused=paused)[:SHOWN]
    context = {
        "token": uuid.uuid4(),
        "typed": request.POST.get("why", ""),
        "total": running.total(),
        "running": [(state.label, running[state]) for state in State if running[state]],
        "acts": [(act, 0 if act.resumed_at else pausing.resumable(act)) for act in acts],
    }
    return render(request, "jobs/pause_everything.html", context, status=status)
