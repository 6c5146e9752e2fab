"""Loads the Job an address names for the person who asks; what she may not see is not found."""

import uuid

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django_htmx.middleware import HtmxDetails

from jobs.models import Job, JobQuerySet


class Request(HttpRequest):
    """A request behind the login (LoginRequiredMiddleware sees to it), seen by django_htmx's middleware."""

    user: User
    htmx: HtmxDetails


class SeeOther(HttpResponseRedirect):
    """After a POST: the page to look at next (RFC 9110, section 15.4.4)."""

    status_code = 303


def job_visible_to(user: User, pk: uuid.UUID) -> Job:
    """The Job with its launch and its notice, if the person may see it. Raises Http404."""
    jobs: JobQuerySet = Job.objects.visible_to(user)
    return get_object_or_404(
        jobs.select_related("account", "notice", "launch__campaign", "size_confirmed_by"), pk=pk
    )


def name_of(person: User | None) -> str:
    """How a person is called on the pages; nobody is the product itself."""
    return (person.get_full_name() or person.get_username()) if person else "Accelerator"
