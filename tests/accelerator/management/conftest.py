"""What the tests of the command line share: a terminal to read what was said, and the cast of campaigns and jobs."""

from tests.campaigns.conftest import (
    alice,
    audience,
    bob,
    campaign,
    charlie,
    profile,
    sam,
    template,
)
from tests.jobs.conftest import job, spool_folder, warehouse
from tests.jobs.stages.conftest import cloud, cloud_address, cloud_database, no_cloud, sender

__all__ = [
    "alice",
    "audience",
    "bob",
    "campaign",
    "charlie",
    "cloud",
    "cloud_address",
    "cloud_database",
    "job",
    "no_cloud",
    "profile",
    "sam",
    "sender",
    "spool_folder",
    "template",
    "warehouse",
]
