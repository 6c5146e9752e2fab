"""Real Celery workers that call a provider: killed in the middle of calls, and told to end."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accelerator.cloud.celery import app
from accelerator.cloud.models import Intent
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import addresses, counts, status, wait_until
from tests.accelerator.cloud.services.provider import KEY, Provider, everybody_once
from tests.accelerator.cloud.test_workers import Worker
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

Start = Callable[[], Worker]


@pytest.fixture
def start(
    provider: Provider, mail_receiver: MailReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    told = {"esp": {"backend": "postmark", "server_token": KEY, "api_url": provider.url}}
    monkeypatch.setenv("MAIL_SERVICES", json.dumps(told))
    app.control.purge()
    workers: list[Worker] = []

    def start() -> Worker:
        workers.append(Worker(mail_receiver, tmp_path / "log"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end()
    app.control.purge()
    log = (tmp_path / "log").read_text()
    sys.stderr.write(log)
    assert KEY not in log


def test_what_was_open_when_its_sender_was_killed_is_unknown_and_nobody_else(
    provider: Provider, start: Start
) -> None:
    people = addresses(60, "held")
    mailing = mailings.submit(people, service="esp")
    worker = start()
    wait_until(lambda: len(provider.calls) == 8, within=30)
    [sender] = worker.senders()
    window = set(Intent.objects.filter(state="in_flight").values_list("address", flat=True))
    assert set(provider.accepted) <= window
    os.kill(sender, signal.SIGKILL)
    provider.gate.set()
    wait_until(lambda: status(mailing).state == "finished", within=40)
    assert counts(mailing) == {"unknown": len(window), "delivered": 60 - len(window)}
    unknown = set(Intent.objects.filter(state="unknown").values_list("address", flat=True))
    assert unknown == window
    assert everybody_once(provider)
    assert set(provider.accepted) >= set(people) - window


def test_a_worker_that_is_told_to_end_leaves_nothing_unknown(provider: Provider, start: Start) -> None:
    people = addresses(60, "held")
    mailing = mailings.submit(people, service="esp")
    worker = start()
    wait_until(lambda: len(provider.calls) == 8, within=30)
    os.kill(worker.process.pid, signal.SIGTERM)
    wait_until(lambda: b"Warm shutdown" in Path(f"/proc/{worker.process.pid}/fd/2").read_bytes())
    provider.gate.set()
    worker.process.wait(20)
    assert counts(mailing) == {"delivered": 8, "waiting": 52}
    start()
    wait_until(lambda: status(mailing).state == "finished", within=40)
    assert counts(mailing) == {"delivered": 60}
    assert everybody_once(provider)
