"""The campaigns application."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """What a marketer plans."""

    name = "campaigns"
