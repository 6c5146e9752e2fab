"""A provider that mailings of the service "esp" go through."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.accelerator.cloud.services.provider import Provider


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    found = Provider()
    found.start()
    settings.MAIL_SERVICES = {"esp": found.definition}
    yield found
    found.stop()
