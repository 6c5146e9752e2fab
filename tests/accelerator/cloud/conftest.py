"""No test of the Cloud finds a line, a key or a compiled mailing of the one before."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from accelerator.cloud import carriers, delivering, links, preparing
from accelerator.cloud.hits import keeping, scanning
from accelerator.cloud.services import carrier
from tests.mail import MailReceiver


@pytest.fixture(autouse=True)
def _hurried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits are told at once, and whoever is as quick as a test is taken for a person all the same."""
    settings.HITS_HELD = timedelta(0)
    monkeypatch.setattr(scanning, "EARLY", -1.0)
    monkeypatch.setattr(scanning, "BURSTS", ())


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    links.link_key.cache_clear()
    preparing.mailing.cache_clear()
    delivering._stumbles.clear()
    delivering._mistakes.clear()
    delivering._window.cache_clear()
    yield
    carriers.hang_up()
    carrier._kept.clear()
    keeping.end()


@pytest.fixture
def receiver(mail_receiver: MailReceiver, settings: Settings) -> MailReceiver:
    """The mail server that the Cloud hands its messages to."""
    settings.SMTP_URL = mail_receiver.url
    return mail_receiver
