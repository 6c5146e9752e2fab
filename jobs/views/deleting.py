"""Deleting a Job that rests: possible, advised against, final for the interface."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from jobs import control, sentences
from jobs.control import DeleteRefused
from jobs.views.loading import Request, SeeOther, job_visible_to


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: Request, pk: uuid.UUID) -> HttpResponse:
    """GET warns and asks for the confirmation; POST deletes and leads to the list."""
    job = job_visible_to(request.user, pk)
    if request.method != "POST":
        refusal = "" if job.rests else sentences.not_deletable(job)
        context = {"job": job, "refusal": refusal, "warning": sentences.delete_warning()}
        return render(request, f"jobs/delete.html{'#confirm' if request.htmx else ''}", context)
    try:
        control.delete(job, by=request.user)
    except DeleteRefused as refusal:
        messages.error(request, str(refusal))
        return SeeOther(job.get_absolute_url())
    messages.info(request, f"The Job of {job.name} was deleted.")
    return SeeOther(reverse("jobs:list"))
