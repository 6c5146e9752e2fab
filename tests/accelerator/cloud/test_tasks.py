"""Wake-ups: enough of them, never too many, and nobody depends on one."""

import time

import pytest
from celery.signals import before_task_publish
from django.conf import settings
from django.db import connection
from django.test import Client

from accelerator import protocol
from accelerator.cloud import tasks
from accelerator.cloud.celery import app
from accelerator.cloud.models import Mailing
from tests.accelerator.cloud.mailings import addresses, counts, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_queue() -> None:
    app.control.purge()


def test_the_sweep_wakes_a_sender_for_each_batch_and_no_second_one() -> None:
    submit(addresses(5), per_batch=1)
    for _ in range(3):
        tasks.sweep()
        assert tasks.waiting() == 5


def test_the_sweep_leaves_the_queue_short() -> None:
    submit(addresses(tasks.ROOM + 20), per_batch=1)
    tasks.sweep()
    assert tasks.waiting() == tasks.ROOM


def test_a_sender_that_found_work_asks_for_the_next(receiver: MailReceiver) -> None:
    mailing = submit(addresses(2), per_batch=1)
    tasks.work()
    assert counts(mailing) == {"delivered": 2}
    assert tasks.waiting() == 1
    tasks.work()
    assert tasks.waiting() == 1


def test_without_a_broker_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from kombu.exceptions import OperationalError

    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.work, "delay", away)
    tasks.wake()


def run(client: Client, mailing: Mailing) -> int:
    """What the Cloud answers to the wish to go on."""
    key = next(iter(settings.CLOUD_KEYS.values()))
    path, body = f"/v1/mailings/{mailing.key}/control", b'{"seq": 1, "desired": "run"}'
    signed = protocol.sign(key, "PUT", path, body, at=int(time.time()))
    return client.put(path, body, content_type="application/json", headers=signed).status_code


def test_a_sender_is_woken_when_what_it_is_woken_for_is_committed(client: Client) -> None:
    mailing = submit(addresses(1))
    inside: list[bool] = []

    def published(**_: object) -> None:
        inside.append(connection.in_atomic_block)

    before_task_publish.connect(published)
    try:
        assert run(client, mailing) == 200
    finally:
        before_task_publish.disconnect(published)
    assert inside == [False]


def test_whoever_resumes_wakes_a_sender_for_each_batch(client: Client) -> None:
    mailing = submit(addresses(5), per_batch=1)
    assert run(client, mailing) == 200
    assert tasks.waiting() == 5
