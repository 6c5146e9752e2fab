"""Wake-ups: enough of them, never too many, and nobody depends on one."""

import pytest
from pytest_django import Settings

from accelerator.cloud import tasks
from accelerator.cloud.celery import app
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


def test_without_a_broker_nothing_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from kombu.exceptions import OperationalError

    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.work, "delay", away)
    tasks.wake()
