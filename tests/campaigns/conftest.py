"""Alice plans, Bob is on her team, Charlie must not see it; Sam is support, Nora is in no account yet."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Audience, Campaign, SendingProfile, Template
from jobs.models import Warehouse
from tests.campaigns import cast
from tests.jobs.cast import account, customers, person


@pytest.fixture
def alice(db: None) -> User:
    return person("alice", account())


@pytest.fixture
def bob(db: None) -> User:
    return person("bob", account())


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie", account("Contoso"))


@pytest.fixture
def sam(db: None) -> User:
    return person("sam", support=True)


@pytest.fixture
def nora(db: None) -> User:
    return person("nora")


@pytest.fixture
def as_alice(alice: User, client: Client) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


@pytest.fixture
def as_charlie(charlie: User) -> Client:
    """Charlie's browser."""
    client = Client()
    client.force_login(charlie)
    return client


@pytest.fixture
def warehouse(db: None, tmp_path: Path) -> Warehouse:
    """Everybody's DuckDB file, with three customers; Cat's first name is missing."""
    rows: list[tuple[object, object, object]]
    rows = [(1, "ann@example.com", "Ann"), (2, "ben@example.com", "Ben"), (3, "cat@example.com", None)]
    return customers(tmp_path / "shop.duckdb", rows)


@pytest.fixture
def audience(warehouse: Warehouse) -> Audience:
    return cast.audience(warehouse)


@pytest.fixture
def template(db: None) -> Template:
    return cast.template()


@pytest.fixture
def profile(db: None) -> SendingProfile:
    return cast.profile()


@pytest.fixture
def campaign(audience: Audience, template: Template, profile: SendingProfile) -> Campaign:
    """Autumn sale of the account Northwind, ready to launch."""
    return cast.campaign(audience=audience, template=template, sending_profile=profile)
