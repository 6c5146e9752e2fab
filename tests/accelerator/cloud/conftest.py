"""No test of the Cloud finds a line, a key or a compiled mailing of the one before."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accelerator.cloud import carriers, delivering, links, preparing
from accelerator.cloud.services import carrier
from tests.mail import MailReceiver


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    links.link_key.cache_clear()
    preparing.mailing.cache_clear()
    delivering._stumbles.clear()
    delivering._mistakes.clear()
    yield
    carriers.hang_up()
    carrier._kept.clear()


@pytest.fixture
def receiver(mail_receiver: MailReceiver, settings: Settings) -> MailReceiver:
    """The mail server that the Cloud hands its messages to."""
    settings.SMTP_URL = mail_receiver.url
    return mail_receiver
