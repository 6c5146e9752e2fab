"""Whom a preview is for: a Campaign (its Audience and its Supplemental Data) or an Audience alone."""

from dataclasses import dataclass, field

from django.contrib.auth.models import User

from campaigns.models import Audience, Campaign, Template
from campaigns.views.loading import audience_visible_to, campaign_visible_to

# What a preview offers of each: a choice, not a catalogue.
OFFERED = 50


@dataclass(frozen=True)
class Source:
    """An Audience whose sample is rendered, and the Supplemental Data that goes with it."""

    audience: Audience | None = None
    supplemental: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """One source as a form offers it; `name` is what an address calls it."""

    name: str
    label: str


def source_visible_to(user: User, name: str) -> Source:
    """From "campaign-3" or "audience-5"; anything else is nobody. Raises Http404."""
    kind, _, pk = name.partition("-")
    if kind == "campaign" and pk.isdecimal():
        campaign = campaign_visible_to(user, int(pk))
        return Source(campaign.audience, campaign.supplemental)
    if kind == "audience" and pk.isdecimal():
        return Source(audience_visible_to(user, int(pk)))
    return Source()


def choices(user: User, template: Template | None) -> dict[str, list[Choice]]:
    """What a Template may be previewed for: the Campaigns that send it, then the Audiences."""
    campaigns = Campaign.objects.visible_to(user).filter(template=template, audience__isnull=False)
    audiences = Audience.objects.visible_to(user)
    if template:
        audiences = audiences.filter(account=template.account)
    offered = {
        "Campaigns with this Template": [
            Choice(f"campaign-{campaign.pk}", str(campaign))
            for campaign in campaigns[: OFFERED if template else 0]
        ],
        "Audiences": [Choice(f"audience-{audience.pk}", str(audience)) for audience in audiences[:OFFERED]],
    }
    return {group: found for group, found in offered.items() if found}
