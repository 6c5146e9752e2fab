"""The Cloud as a Django app: label `cloud`."""

import logging

from django.apps import AppConfig

logger = logging.getLogger(__name__)


class CloudConfig(AppConfig):
    """The only app of the Cloud's project."""

    name = "accelerator.cloud"
    label = "cloud"
    verbose_name = "Cloud"

    def ready(self) -> None:
        """Say at the start what is wrong with a service. Links, and mailings through others, do without it."""
        from accelerator.cloud.services import (
            carrier,
        )  # models can be imported now, and not when this module is

        for problem in filter(None, carrier.problems().values()):
            logger.critical("%s. Mailings through it are stopped for a person to look at.", problem)
