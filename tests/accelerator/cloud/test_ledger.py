"""The ledger: what is told twice counts once, and an older try takes nothing up."""

import pytest

from accelerator.cloud import ledger
from accelerator.cloud.ledger import Attempt, Outcome
from accelerator.cloud.models import Intent
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import addresses, counts, submit

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_outcome_that_is_recorded_twice_counts_once() -> None:
    mailing = submit(addresses(5))
    held = mailings.leave_in_flight(mailing, 2)
    for _ in range(2):
        ledger.settle(held, [Outcome(0, "delivered")], [])
    assert counts(mailing) == {"in_flight": 1, "delivered": 1, "waiting": 3}
    assert Intent.objects.get(position=0).attempts == 1


def test_a_later_outcome_does_not_undo_the_first() -> None:
    mailing = submit(addresses(1))
    held = mailings.leave_in_flight(mailing, 1)
    ledger.settle(held, [Outcome(0, "delivered")], [])
    ledger.settle(held, [Outcome(0, "bounced", "5.1.1")], [])
    assert counts(mailing) == {"delivered": 1}


def test_a_retry_that_was_prepared_from_an_older_try_sends_nothing() -> None:
    mailing = submit(addresses(1))
    held = mailings.leave_in_flight(mailing, 1)
    ledger.settle(held, [Outcome(0, "deferred", "4.2.1", "", 0.0)], [])
    Intent.objects.update(attempts=2)
    intent = Intent.objects.get()
    stale, current = (
        Attempt(0, intent.recipient_id, intent.address, intent.address_key, tries=tries) for tries in (1, 2)
    )
    assert ledger.commit(held, [], [stale]).sendable == []
    assert ledger.commit(held, [], [current]).sendable == [current]
