"""The Cloud as a Django app: label `cloud`."""

from django.apps import AppConfig


class CloudConfig(AppConfig):
    """The only app of the Cloud's project."""

    name = "accelerator.cloud"
    label = "cloud"
    verbose_name = "Cloud"
