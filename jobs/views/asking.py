"""A person asks something of a Job, or answers it: an Ask, the confirmation of a cancel, a size that is meant."""

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accelerator import storable
from jobs import control, sentences
from jobs.control import AskRefused, SizeRefused
from jobs.models import Job
from jobs.states import Wish
from jobs.views.detail import answer
from jobs.views.loading import Request, SeeOther, job_visible_to


@require_POST
def ask(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Store the Ask and acknowledge it, or say why it is refused: as a message, either way."""
    job = job_visible_to(request.user, pk)
    try:
        wish, seen = Wish(request.POST.get("wish", "")), int(request.POST.get("seen", ""))
    except ValueError:
        return HttpResponseBadRequest("An Ask names its wish and the version of the Job that was seen.")
    why = storable.text(request.POST.get("why", ""))
    try:
        acknowledgement = control.ask(job, wish, by=request.user, seen=seen, why=why)
    except AskRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.info(request, acknowledgement.message)
    return _answer(request, job)


@require_POST
def size(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Confirm the size that the person saw, or say why it is not: as a message, either way."""
    job = job_visible_to(request.user, pk)
    try:
        seen = int(request.POST.get("size", ""))
    except ValueError:
        return HttpResponseBadRequest("A confirmation names the size that was seen.")
    try:
        messages.info(request, control.confirm_size(job, by=request.user, size=seen))
    except SizeRefused as refusal:
        messages.error(request, str(refusal))
    return _answer(request, job)


def _answer(request: Request, job: Job) -> HttpResponse:
    """To a browser with a script the Job as it is now; to any other its page."""
    if request.htmx:
        return answer(request, job_visible_to(request.user, job.pk))
    return SeeOther(job.get_absolute_url())


@never_cache
@require_safe
def cancel(request: Request, pk: uuid.UUID) -> HttpResponse:
    """What a cancel would and would not stop now, to be confirmed; a dialog for htmx, a page of its own otherwise."""
    job = job_visible_to(request.user, pk)
    context: dict[str, object] = {"job": job, "dialog": bool(request.htmx)}
    if Wish.CANCEL in control.offers(job):
        context |= {"warning": sentences.cancel_warning(job), "advice": sentences.large_job(job)}
    else:
        pending = control.pending(job)
        asked = Wish(pending.wish) if pending else None
        context["refusal"] = sentences.not_offered(job, Wish.CANCEL, asked)
    return render(request, f"jobs/cancel.html{'#confirm' if request.htmx else ''}", context)
