"""Which batch a woken sender gets."""

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from accelerator import leases
from accelerator.cloud import dispatching, entries, ledger
from accelerator.cloud.models import Batch, SenderProcess
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import addresses, control, submit

pytestmark = pytest.mark.django_db(transaction=True)


def test_mailings_take_turns() -> None:
    large = submit(addresses(10), per_batch=1)
    small = submit(addresses(2, "small"), per_batch=1)
    taken = [dispatching.take() for _ in range(4)]
    assert [batch.mailing_id for batch in taken if batch] == [large.key, small.key, large.key, small.key]
    assert dispatching.free_batches() == 8


def test_a_batch_is_taken_once() -> None:
    submit(addresses(1))
    assert dispatching.take() is not None
    assert dispatching.take() is None


def test_a_batch_whose_holder_died_is_taken_again_with_a_higher_epoch() -> None:
    submit(addresses(1))
    first = dispatching.take()
    assert first is not None
    Batch.objects.update(leased_until=Now())
    second = dispatching.take()
    assert second is not None
    assert second.epoch == first.epoch + 1
    with pytest.raises(leases.LeaseLost):
        leases.renew(first, seconds=60)


def test_after_the_database_was_away_whoever_lived_through_it_comes_first(settings: Settings) -> None:
    """Nobody could renew the lease meanwhile, and what its holder knows would be unknown."""
    submit(addresses(1))
    batch = dispatching.take()
    assert batch is not None
    ledger.take_stock(batch)
    attempt = entries.Attempt(0, "0", "ok0@customers.example", "ok0@customers.example")
    ledger.commit(batch, [], [attempt])
    Batch.objects.update(leased_until=Now())
    settings.SENDING_LEASE = 1e9  # as if the database had started a moment ago
    assert dispatching.take() is None
    ledger.settle(batch, [entries.Outcome(0, "delivered")], [])
    Batch.objects.update(leased_until=Now())
    settings.SENDING_LEASE = 0.0  # as if it had started long ago
    assert dispatching.take() is not None


def test_after_the_database_was_away_nobody_waits_for_the_dead(settings: Settings) -> None:
    submit(addresses(1))
    batch = dispatching.take()
    assert batch is not None
    ledger.take_stock(batch)
    Batch.objects.update(leased_until=Now())
    settings.SENDING_LEASE = 1e9
    SenderProcess.objects.update(ended_at=Now())
    assert dispatching.take() is not None


def test_a_limited_mailing_gets_one_sender_until_its_rate_needs_more() -> None:
    slow = submit(addresses(5), per_batch=1, rate=100)
    assert dispatching.take() is not None
    assert dispatching.take() is None
    control(slow, 1, Desired.RUN, rate=2 * dispatching.RATE_PER_SENDER)
    assert dispatching.take() is not None
    assert dispatching.take() is None


def test_nothing_of_a_paused_mailing_is_due_after_its_batches_were_let_go() -> None:
    from accelerator.cloud import delivering

    mailing = submit(addresses(3), per_batch=1)
    control(mailing, 1, Desired.PAUSE)
    while delivering.step():
        pass
    assert dispatching.free_batches() == 0
    control(mailing, 2, Desired.RUN)
    assert dispatching.free_batches() == 3
