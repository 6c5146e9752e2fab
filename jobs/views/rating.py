"""A person changes how fast a running Job may go."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accelerator import storable
from accelerator.protocol import HIGHEST_RATE, RateInvalid, parse_rates
from jobs import control, rating
from jobs.control import RateRefused
from jobs.models import Job
from jobs.views.loading import Request, SeeOther, job_visible_to


class RateForm(forms.Form):
    """Whole rates, not a difference. `seen` is the number of the last change that the person saw."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    rate_per_hour = forms.IntegerField(
        label="Messages per hour",
        required=False,
        min_value=1,
        max_value=HIGHEST_RATE,
        help_text="At most so many; empty: as fast as the mail server takes them.",
    )
    domain_rates = forms.CharField(
        label="Messages per hour to receiving domains",
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 4, "class": "code", "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text="A line each, as in gmail.com 20000. Recipients elsewhere do not wait for these.",
    )
    why = forms.CharField(label="Reason", required=False, max_length=500)

    def clean_domain_rates(self) -> dict[str, int]:
        try:
            return parse_rates(self.cleaned_data["domain_rates"].splitlines())
        except RateInvalid as error:
            raise forms.ValidationError(str(error)) from None

    @property
    def rate(self) -> rating.Rate:
        """What was typed, once it is valid."""
        return rating.Rate(self.cleaned_data["rate_per_hour"] or 0, self.cleaned_data["domain_rates"])


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def rate(request: Request, pk: uuid.UUID) -> HttpResponse:
    """GET shows what is in force and asks for what is wanted; POST stores it and leads to the Job."""
    job = job_visible_to(request.user, pk)
    if request.method != "POST":
        return _page(request, job, _fresh(job))
    form = RateForm(request.POST)
    if not form.is_valid():
        return _page(request, job, form, status=422)
    why = storable.text(form.cleaned_data["why"])
    try:
        said = control.change_rate(job, form.rate, by=request.user, seen=form.cleaned_data["seen"], why=why)
    except RateRefused as refusal:
        messages.error(request, str(refusal))
        # What was typed stays; what the person sees is what is so now.
        typed: Any = request.POST.copy()
        typed["seen"] = _last(job)
        return _page(request, job, RateForm(typed), status=409)
    messages.info(request, said)
    return SeeOther(job.get_absolute_url())


def _fresh(job: Job) -> RateForm:
    now = rating.wanted(job, job.rate_changes.all())
    initial = {"seen": _last(job), "rate_per_hour": now.per_hour or None, "domain_rates": now.lines}
    return RateForm(initial=initial)


def _last(job: Job) -> int:
    return rating.last_number(job)


def _page(request: Request, job: Job, form: RateForm, status: int = 200) -> HttpResponse:
    changes = list(job.rate_changes.select_related("by"))
    context = {
        "job": job,
        "form": form,
        "refusal": rating.refusal(job),
        "launched": rating.launched(job),
        "rate": rating.standing(job, changes),
    }
    return render(request, "jobs/rate.html", context, status=status)
