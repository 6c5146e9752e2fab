"""Real parts to look at, and what was found by name."""

from collections.abc import Iterable

from accelerator.doctor import Finding
from tests.jobs.conftest import spool_folder, warehouse
from tests.jobs.stages.conftest import cloud, cloud_address, cloud_database, no_cloud

__all__ = ["by_name", "cloud", "cloud_address", "cloud_database", "no_cloud", "spool_folder", "warehouse"]


def by_name(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}
