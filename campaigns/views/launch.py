"""The confirmation of a launch (a dialog, or the same as a page of its own) and the launch itself."""

import uuid

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from campaigns import checks, launching
from campaigns.launching import NotLaunchable
from campaigns.models import Campaign
from campaigns.views.loading import Request, SeeOther, campaign_visible_to


class LaunchForm(forms.Form):
    """The confirmation: its token makes one form one Job, however often it is sent."""

    token = forms.UUIDField(widget=forms.HiddenInput)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def launch(request: Request, pk: int) -> HttpResponse:
    """GET asks for the confirmation, with a token of its own; POST launches and leads to the Job."""
    campaign = campaign_visible_to(request.user, pk)
    if request.method != "POST":
        return _confirm(request, campaign)
    form = LaunchForm(request.POST)
    if not form.is_valid():
        return _confirm(request, campaign, refusal="The form was not complete. Look again, and launch.")
    try:
        job = launching.launch(campaign, by=request.user, token=form.cleaned_data["token"])
    except NotLaunchable as refusal:
        return _confirm(request, campaign, refusal=str(refusal))
    return SeeOther(job.get_absolute_url())


def _confirm(request: Request, campaign: Campaign, refusal: str = "") -> HttpResponse:
    context: dict[str, object] = {
        "campaign": campaign,
        "blockers": launching.blockers(campaign),
        "form": LaunchForm(initial={"token": uuid.uuid4()}),
        "refusal": refusal,
    }
    if campaign.template:
        context["reading"] = checks.read(campaign.template, campaign.audience, campaign.supplemental)
    part = "#confirm" if request.headers.get("HX-Request") else ""
    return render(request, f"campaigns/launch.html{part}", context, status=409 if refusal else 200)
