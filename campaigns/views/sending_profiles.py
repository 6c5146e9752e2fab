"""Sending Profiles: the list and the form."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.forms import SendingProfileForm
from campaigns.models import SendingProfile
from campaigns.views.loading import Request, SeeOther, belonging, listed, sending_profile_visible_to


@require_safe
def sending_profile_list(request: Request) -> HttpResponse:
    """Every Sending Profile of the person's accounts, by name."""
    visible = SendingProfile.objects.visible_to(request.user).select_related("account")
    return render(request, "campaigns/sending_profiles.html", listed(request, visible, "sending_profile"))


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """A new Sending Profile."""
    return _form(request, SendingProfile())


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request, pk: int) -> HttpResponse:
    """One Sending Profile."""
    return _form(request, sending_profile_visible_to(request.user, pk))


def _form(request: Request, profile: SendingProfile) -> HttpResponse:
    form = SendingProfileForm(
        request.POST if request.method == "POST" else None, instance=profile, user=request.user
    )
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f'"{saved}" is saved.')
        return SeeOther(saved.get_absolute_url())
    context = {
        "form": form,
        "profile": SendingProfile.objects.get(pk=profile.pk) if profile.pk else None,
        "kind": "sending_profile",
        **belonging(request),
    }
    return render(request, "campaigns/sending_profile_form.html", context)
