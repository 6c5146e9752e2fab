"""A real Cloud over HTTP, its sender processes led by hand, a mail server, and the dashboard's workers as threads."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from pytest_django.fixtures import Settings

from accelerator import protocol
from jobs import client
from jobs.client import CloudClient
from tests.contract.conftest import cloud_address, cloud_database
from tests.jobs import cast
from tests.races import hands, workers
from tests.races.wire import Wire
from tests.races.world import BATCH, MoodyReceiver, World, people

__all__ = ["cloud_address", "cloud_database"]

# What they assert is told with its values, as in a test.
pytest.register_assert_rewrite("tests.races.promises", "tests.races.schedule", "tests.races.resting")


@pytest.fixture(scope="session")
def receiver() -> Iterator[MoodyReceiver]:
    """The mail server of all races."""
    receiver = MoodyReceiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def hand_house(
    cloud_address: tuple[str, list[str]],
    cloud_database: str,
    receiver: MoodyReceiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """Where the Cloud's senders come from."""
    with hands.house(tmp_path_factory.mktemp("hand"), cloud_database, receiver.url) as path:
        yield path


@pytest.fixture
def wire(
    settings: Settings, cloud_address: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wire]:
    """What the dashboard's words to the Cloud go over."""
    url, keys = cloud_address
    settings.CLOUD_URL, settings.CLOUD_KEY = url, keys[0]
    wire = Wire(protocol.Key.parse(keys[0]))
    monkeypatch.setattr(client, "CloudClient", partial(CloudClient, transport=wire))
    client.cloud.cache_clear()
    yield wire
    client.cloud().close()
    client.cloud.cache_clear()


@pytest.fixture
def world(
    transactional_db: None,
    settings: Settings,
    tmp_path: Path,
    wire: Wire,
    cloud_address: tuple[str, list[str]],
    cloud_database: str,
    receiver: MoodyReceiver,
    hand_house: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """Empty, with everything up."""
    settings.BATCH_RECORDS = BATCH
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = receiver.host, receiver.port
    settings.STORAGES = settings.STORAGES | {
        "spool": settings.STORAGES["spool"] | {"OPTIONS": {"location": str(tmp_path / "spool")}}
    }
    url, keys = cloud_address
    cloud = CloudClient(url, protocol.Key.parse(keys[0]))
    with psycopg.connect(cloud_database, autocommit=True) as ledger, workers.stopping(monkeypatch):
        world = World(
            cloud=cloud,
            url=url,
            wire=wire,
            ledger=ledger,
            receiver=receiver,
            hand=hand_house,
            warehouse=cast.customers(tmp_path / "warehouse.duckdb", []),
            people=people(),
        )
        world.empty()
        yield world
        world.empty()
    cloud.close()
