"""The ledger: what is told twice counts once, and an older try takes nothing up."""

import pytest
from django.db import connection

from accelerator import leases
from accelerator.cloud import events, ledger
from accelerator.cloud.entries import Attempt, Outcome
from accelerator.cloud.models import Batch, Intent
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


def attempt(position: int, address: str, recipient_id: str = "") -> Attempt:
    return Attempt(position, recipient_id or str(position), address, address)


def test_a_window_that_meets_an_address_of_before_is_written_whole_and_once() -> None:
    mailing = submit(addresses(5))
    held = mailings.leave_in_flight(mailing, 2)
    met, fresh, twice = (attempt(n, f"ok{of}@customers.example") for n, of in ((2, 0), (3, 3), (4, 3)))
    grant = ledger.commit(held, [Outcome(0, "delivered", "2.0.0", "taken")], [met, fresh, twice])
    assert grant.sendable == [fresh]
    assert counts(mailing) == {"delivered": 1, "in_flight": 2, "suppressed": 2}
    assert [(i.position, i.state, i.code) for i in Intent.objects.order_by("position")] == [
        (0, "delivered", "2.0.0"),
        (1, "in_flight", ""),
        (2, "suppressed", "duplicate"),
        (3, "in_flight", ""),
        (4, "suppressed", "duplicate"),
    ]
    assert [event.kind for event in events.page(mailing.key, 0, 10).events] == [
        "delivered",
        "suppressed",
        "suppressed",
    ]


@pytest.mark.parametrize("text", ["", "\\N", "a\tb\\c\nd\re", "{\"1\": 'x'}, %s", "é\u2028😀", "NULL"])
def test_what_is_written_is_kept_letter_for_letter(text: str) -> None:
    mailing = submit(addresses(2))
    held = mailings.leave_in_flight(mailing, 1)
    ledger.commit(
        held, [Outcome(0, "bounced", "4.7.1", text)], [attempt(1, "b@customers.example", text or "-")]
    )
    first, second = Intent.objects.order_by("position")
    assert (first.reply, second.recipient_id) == (text, text or "-")
    [event] = events.page(mailing.key, 0, 10).events
    assert (event.kind, event.code) == ("bounced", "4.7.1")


def test_outcomes_of_all_kinds_are_recorded_with_their_own_words() -> None:
    mailing = submit(addresses(4))
    held = mailings.leave_in_flight(mailing, 4)
    outcomes = [
        Outcome(0, "delivered", "2.0.0", "queued as A"),
        Outcome(1, "delivered", "2.0.0", "queued as B"),
        Outcome(2, "deferred", "4.2.1", "later", 60.0),
        Outcome(3, "bounced", "5.1.1", "nobody"),
    ]
    ledger.settle(held, outcomes, [])
    found = Intent.objects.order_by("position").values_list("state", "code", "reply")
    assert list(found) == [(one.state, one.code, one.reply) for one in outcomes]
    assert [intent.due_at is not None for intent in Intent.objects.order_by("position")] == [
        False,
        False,
        True,
        False,
    ]


def test_an_outcome_finds_room_beside_its_intent_and_touches_no_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_reset_single_table_counters('cloud_intent'::regclass)")
    people = [f"somebody.with.a.long.name.{number:05}@customers.example" for number in range(2_000)]
    mailing = submit(people)
    said = "2.0.0 OK  1764200000 d9443c01a7336-2ae9f8c3b1dsi1234567ad.117 - gsmtp"
    for batch in mailing.batches.order_by("number"):
        held = leases.claim(Batch.objects.all(), batch.pk, seconds=60)
        assert held is not None
        outcomes: list[Outcome] = []
        for first in range(0, 1_000, 200):
            window = [attempt(n, people[batch.number * 1_000 + n]) for n in range(first, first + 200)]
            ledger.commit(held, outcomes, window)
            outcomes = [Outcome(one.position, "delivered", "2.0.0", said) for one in window]
        ledger.settle(held, outcomes, [])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'cloud_intent'"
        )
        assert cursor.fetchone() == (2_000, 2_000)
