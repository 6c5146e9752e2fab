"""The confirmation of a launch (a dialog, or the same as a page of its own) and the launch itself."""

import uuid
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from campaigns import checks, launching, variables
from campaigns.launching import NotLaunchable, ValuesInvalid
from campaigns.models import Campaign
from campaigns.views.loading import Request, SeeOther, campaign_visible_to
from jobs.models import LaunchValue


class LaunchForm(forms.Form):
    """The confirmation: its token makes one form one Job, however often it is sent; a field for each launch variable.

    Whether a value fits is for the launch to say.
    """

    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, asked: list[LaunchValue], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = asked
        for value in asked:
            self.fields[variables.value_name(value.name)] = variables.value_field(value, value.name)

    @property
    def values(self) -> list[forms.BoundField]:
        """The fields of the launch variables."""
        return [self[variables.value_name(value.name)] for value in self.asked]

    @property
    def typed(self) -> dict[str, str]:
        """What was typed for each variable."""
        return {value.name: self.cleaned_data[variables.value_name(value.name)] for value in self.asked}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def launch(request: Request, pk: int) -> HttpResponse:
    """GET asks for the confirmation, with a token of its own; POST launches and leads to the Job."""
    campaign = campaign_visible_to(request.user, pk)
    asked = launching.proposed(campaign)
    if request.method != "POST":
        return _confirm(request, campaign, LaunchForm(initial={"token": uuid.uuid4()}, asked=asked))
    form, again = LaunchForm(request.POST, asked=asked), _again(request, asked)
    if not form.is_valid():
        return _confirm(request, campaign, again, "The form was not complete. Look again, and launch.")
    try:
        job = launching.launch(campaign, by=request.user, token=form.cleaned_data["token"], values=form.typed)
    except ValuesInvalid as refusal:
        for name, sentence in refusal.sentences.items():
            again.add_error(variables.value_name(name), sentence)
        return _confirm(request, campaign, again, "Look at the values again.")
    except NotLaunchable as refusal:
        return _confirm(request, campaign, again, str(refusal))
    return SeeOther(job.get_absolute_url())


def _again(request: Request, asked: list[LaunchValue]) -> LaunchForm:
    """The form with what was typed, to be sent again: with a token of its own."""
    data = request.POST.copy()
    data["token"] = str(uuid.uuid4())
    form = LaunchForm(data, asked=asked)
    form.full_clean()
    return form


def _confirm(request: Request, campaign: Campaign, form: LaunchForm, refusal: str = "") -> HttpResponse:
    context: dict[str, object] = {
        "campaign": campaign,
        "blockers": launching.blockers(campaign),
        "form": form,
        "refusal": refusal,
        "last_size": launching.last_size(campaign),
    }
    if campaign.audience:
        context["counted_with"] = variables.of(campaign.audience)
    if campaign.template:
        context["reading"] = checks.read(campaign.template, campaign.audience, campaign.supplemental)
    part = "#confirm" if request.headers.get("HX-Request") else ""
    return render(request, f"campaigns/launch.html{part}", context, status=409 if refusal else 200)
