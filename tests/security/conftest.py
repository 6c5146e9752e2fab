"""The world that security tests look at, without a Cloud: it is away, and each test has its own spool."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.jobs.stages.conftest import no_cloud
from tests.security import world as worlds
from tests.security.world import World

__all__ = ["no_cloud"]


@pytest.fixture
def world(db: None, no_cloud: None, settings: Settings, tmp_path: Path) -> World:
    """One of everything, all of it Northwind's."""
    settings.METRICS_TOKEN = "t" * 40
    settings.STORAGES = settings.STORAGES | {
        "spool": settings.STORAGES["spool"] | {"OPTIONS": {"location": str(tmp_path / "spool")}}
    }
    return worlds.build(tmp_path)
