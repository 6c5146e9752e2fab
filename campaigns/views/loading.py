"""Loads what an address names for the person who asks; what she may not see is not found."""

from typing import TypeVar

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404

from accelerator import storable
from campaigns.access import accounts_of
from campaigns.models import Audience, Campaign, Plan, SendingProfile, Template

P = TypeVar("P", bound=Plan)

PAGE = 50


class Request(HttpRequest):
    """A request behind the login (LoginRequiredMiddleware sees to it)."""

    user: User


class SeeOther(HttpResponseRedirect):
    """After a POST: the page to look at next (RFC 9110, section 15.4.4)."""

    status_code = 303


def campaign_visible_to(user: User, pk: int) -> Campaign:
    """The Campaign with its parts, if the person may see it. Raises Http404."""
    parts = Campaign.objects.select_related("account", "audience__warehouse", "template", "sending_profile")
    return get_object_or_404(parts.filter(pk__in=Campaign.objects.visible_to(user)), pk=pk)


def audience_visible_to(user: User, pk: int) -> Audience:
    """The Audience with its warehouse, if the person may see it. Raises Http404."""
    return get_object_or_404(Audience.objects.visible_to(user).select_related("account", "warehouse"), pk=pk)


def template_visible_to(user: User, pk: int) -> Template:
    """The Template, if the person may see it. Raises Http404."""
    return get_object_or_404(Template.objects.visible_to(user).select_related("account"), pk=pk)


def sending_profile_visible_to(user: User, pk: int) -> SendingProfile:
    """The Sending Profile, if the person may see it. Raises Http404."""
    return get_object_or_404(SendingProfile.objects.visible_to(user).select_related("account"), pk=pk)


def listed(request: Request, things: "QuerySet[P]", kind: str) -> dict[str, object]:
    """What the page of a list shows: the things the person may see, by name, narrowed by ?q=, a page of them."""
    search = storable.text(request.GET.get("q", "")).strip()
    found = things.filter(name__icontains=search) if search else things
    return {
        "page": Paginator(found.order_by("name", "pk"), PAGE).get_page(request.GET.get("page")),
        "search": search,
        "kind": kind,
        **belonging(request),
    }


def belonging(request: Request) -> dict[str, object]:
    """Whether the person has an account to plan for, and whether there is a choice."""
    accounts = accounts_of(request.user).count()
    return {"no_account": accounts == 0, "several_accounts": accounts > 1}
