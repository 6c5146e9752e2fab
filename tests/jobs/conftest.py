"""Alice launches, Bob is on her team, Charlie belongs to another account, Sam is support."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from jobs.models import Job, Warehouse
from tests.jobs import cast


@pytest.fixture(autouse=True)
def spool_folder(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = settings.STORAGES | {
        "spool": settings.STORAGES["spool"] | {"OPTIONS": {"location": str(tmp_path / "spool")}}
    }


@pytest.fixture
def alice(db: None) -> User:
    return cast.person("alice", cast.account())


@pytest.fixture
def bob(db: None) -> User:
    return cast.person("bob", cast.account())


@pytest.fixture
def charlie(db: None) -> User:
    return cast.person("charlie", cast.account("Contoso"))


@pytest.fixture
def sam(db: None) -> User:
    return cast.person("sam", support=True)


@pytest.fixture
def warehouse(db: None, tmp_path: Path) -> Warehouse:
    """Three customers."""
    rows = [(1, "ann@example.com", "Ann"), (2, "ben@example.com", "Ben"), (3, "cat@example.com", "Cat")]
    return cast.customers(tmp_path / "warehouse.duckdb", rows)


@pytest.fixture
def job(warehouse: Warehouse, alice: User) -> Job:
    """A Job that Alice launched, Initializing."""
    return cast.job(warehouse, alice)
