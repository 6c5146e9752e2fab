"""A rate is exact, whoever sends and however often they are interrupted."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from accelerator import leases, protocol
from accelerator.cloud import delivering, dispatching, intake, ledger, pacing
from accelerator.cloud.entries import Attempt
from accelerator.cloud.models import Batch, Mailing, Pace
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import addresses, control, counts, send, status, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def reserve(mailing: Mailing, rate: int, wanted: int) -> tuple[int, float]:
    with transaction.atomic():
        return pacing.reserve(mailing.key, rate, wanted)


def test_without_a_rate_everything_may_go() -> None:
    assert reserve(submit(addresses(1)), 0, 200) == (200, 0.0)


def test_a_rate_gives_what_time_has_earned_and_says_when_more() -> None:
    mailing = submit(addresses(1))
    Pace.objects.update(free_at=Now())
    allowed, wait = reserve(mailing, 3600, 200)
    assert allowed == 1
    assert 0.5 < wait <= 1
    assert reserve(mailing, 3600, 200)[0] == 0


def test_a_pause_earns_no_more_than_a_burst() -> None:
    mailing = submit(addresses(1))
    Pace.objects.update(free_at="2020-01-01T00:00Z")
    assert reserve(mailing, 36_000, 200)[0] == 1 + 10 * pacing.BURST
    assert reserve(mailing, 36_000, 200)[0] == 0


def test_what_was_not_used_can_be_given_back() -> None:
    mailing = submit(addresses(1))
    Pace.objects.update(free_at="2020-01-01T00:00Z")
    first, _ = reserve(mailing, 36_000, 200)
    pacing.give_back(mailing.key, 36_000, 20)
    again, _ = reserve(mailing, 36_000, 200)
    assert 20 <= again < first


def test_what_was_not_used_is_given_back_as_it_was_reserved() -> None:
    """The rate was lowered meanwhile: in steps of the new one it would be hours, and they would all go at once."""
    mailing = submit(addresses(300), rate=3_600_000)
    batch = leases.claim(Batch.objects.all(), Batch.objects.get().pk, seconds=60)
    assert batch is not None
    Pace.objects.update(free_at="2020-01-01T00:00Z")
    attempts = [Attempt(n, str(n), f"{n}@a.example", f"{n}@a.example") for n in range(200)]
    grant = ledger.commit(batch, [], attempts)
    assert len(grant.sendable) == 200
    intake.change_rate(mailing.key, protocol.RateRequest(seq=1, rate_per_hour=60))
    ledger.settle(batch, [], attempts[100:], grant.standing)
    allowed, wait = reserve(mailing, 60, 100)
    assert allowed == 0
    assert 50 < wait <= 60


def test_senders_reserve_one_after_the_other() -> None:
    mailing = submit(addresses(1))
    Pace.objects.update(free_at=Now())
    taken: list[int] = []
    begun = time.monotonic()

    def hammer() -> None:
        try:
            while time.monotonic() < begun + 1:
                taken.append(reserve(mailing, 360_000, 7)[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) <= 1 + 100 * (time.monotonic() - begun)
    assert sum(taken) > 50


def test_a_mailing_keeps_to_its_rate(receiver: MailReceiver, settings: Settings) -> None:
    settings.SENDING_STEP = 0.3
    mailing = submit(addresses(100), rate=36_000)
    Pace.objects.update(free_at=Now())
    begun = time.monotonic()
    while time.monotonic() < begun + 2:
        delivering.step()
    assert 10 <= len(receiver.messages) <= 1 + 10 * (time.monotonic() - begun)
    # Lifted, it goes on without a new start.
    control(mailing, 1, Desired.RUN, rate=0)
    time.sleep(0.2)
    send()
    assert counts(mailing) == {"delivered": 100}
    assert status(mailing).state == "finished"


def test_a_mailing_that_must_wait_keeps_no_sender_busy() -> None:
    mailing = submit(addresses(10), per_batch=1, rate=100)
    other = submit(addresses(1, "other"))
    pacing.rest(mailing.key, 60)
    assert dispatching.mailings() == [other.key]
