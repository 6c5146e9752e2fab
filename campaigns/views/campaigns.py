"""The list of Campaigns, the Campaign Overview, and the form."""

from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.core.paginator import Page
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import checks, covering, launching, samples
from campaigns.campaign_form import CampaignForm
from campaigns.models import Campaign, Launch
from campaigns.views.loading import Request, SeeOther, belonging, campaign_visible_to, listed
from jobs.models import Job

JOBS_SHOWN = 10

# The fields that a preview of the Supplemental Data reads; errors of the others can wait for the save.
PREVIEWED = ("account", "audience", "supplemental", "supplemental_sql")


@dataclass(frozen=True)
class Row:
    """A line of the list: a Campaign, its last Job, and how many things keep it from a launch."""

    campaign: Campaign
    job: Job | None
    missing: int


@require_safe
def campaign_list(request: Request) -> HttpResponse:
    """Every Campaign of the person's accounts, by name."""
    last = (
        Launch.objects.filter(campaign=OuterRef("pk"), job__isnull=False, job__deleted_at=None)
        .order_by("-at")
        .values("job")[:1]
    )
    visible = Campaign.objects.visible_to(request.user).annotate(last_job=Subquery(last))
    parts = visible.select_related("account", "audience__warehouse", "template", "sending_profile")
    context = listed(request, parts, "campaign")
    context["rows"] = _rows(cast("Page[Campaign]", context["page"]))
    return render(request, "campaigns/list.html", context)


def _rows(page: Page[Campaign]) -> list[Row]:
    wanted = {campaign: getattr(campaign, "last_job", None) for campaign in page}
    jobs = Job.objects.in_bulk([pk for pk in wanted.values() if pk])
    return [Row(one, jobs.get(pk), len(launching.missing(one))) for one, pk in wanted.items()]


@require_safe
def overview(request: Request, pk: int) -> HttpResponse:
    """The Campaign Overview: who, what, when, what is missing, and what became of it."""
    campaign = campaign_visible_to(request.user, pk)
    launches = list(
        campaign.launches.filter(job__isnull=False, job__deleted_at=None).select_related("job", "by")[
            :JOBS_SHOWN
        ]
    )
    jobs = {
        "campaign": campaign,
        "launches": launches,
        "moving": any(not one.job.rests for one in launches if one.job),
    }
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/overview.html#jobs", jobs)
    context = {
        **jobs,
        "blockers": launching.blockers(campaign),
        **belonging(request),
    }
    seen = samples.remembered(campaign.audience) if campaign.audience else None
    if campaign.template:
        context["reading"] = checks.read(campaign.template, campaign.audience, campaign.supplemental)
        context["covers"] = [covering.of(campaign.template, seen.columns)] if seen else []
    context |= {"seen": seen, "last_size": launching.last_size(campaign)}
    return render(request, "campaigns/overview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """A new Campaign."""
    return _form(request, Campaign())


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request, pk: int) -> HttpResponse:
    """The parts of a Campaign. A Job that runs already keeps its own copy."""
    return _form(request, campaign_visible_to(request.user, pk))


def _form(request: Request, campaign: Campaign) -> HttpResponse:
    previewing = request.POST.get("do") == "preview"
    form = CampaignForm(
        request.POST if request.method == "POST" else None, instance=campaign, user=request.user
    )
    if previewing:
        form.full_clean()
        for name in set(form.errors) - set(PREVIEWED):
            del form.errors[name]
        if request.headers.get("HX-Request"):
            return render(request, "campaigns/form.html#shared", {"form": form, "fragment": True})
    elif request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f'"{saved}" is saved.')
        return SeeOther(saved.get_absolute_url())
    stored = Campaign.objects.get(pk=campaign.pk) if campaign.pk else None
    return render(request, "campaigns/form.html", {"form": form, "campaign": stored, **belonging(request)})
