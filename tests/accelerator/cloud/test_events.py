"""The log of events: complete, in one order for everybody, without gaps, whoever commits when."""

import threading
import uuid
from collections import Counter

import pytest
from django.db import OperationalError, connection, transaction
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from accelerator.cloud import events, suppressing
from accelerator.cloud.models import LogEntry, Mailing, Suppression
from accelerator.protocol import Desired, Event
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import addresses, control, leave_in_flight, make_due, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def happening(record: int, kind: str = "open") -> events.Happening:
    return events.Happening(kind=kind, batch=0, record=record, recipient_id=str(record))


def pull(key: uuid.UUID, limit: int = 7, after: int = 0) -> list[Event]:
    """Everything behind a position, page by page, as a dashboard does."""
    found: list[Event] = []
    while True:
        page = events.page(key, after, limit)
        assert len(page.events) <= limit
        found += page.events
        if not page.events:
            assert page.last == after
            return found
        after = page.events[-1].position


def said(log: list[Event]) -> list[tuple[str, int]]:
    return [(event.kind, event.record) for event in log]


def test_every_outcome_is_told_once_and_adds_up_with_the_counts(receiver: MailReceiver) -> None:
    people = [
        *addresses(40),
        "reject@a.example",
        "full@a.example",
        "dropafterdot@a.example",
        "no address",
        "OK1@customers.example",
    ]
    names: list[str | None] = ["Bob"] * len(people)
    names[3] = None
    suppressing.add(["ok5@customers.example"], reason="added")
    mailing = submit(people, names=names, per_batch=20)
    send()
    log = pull(mailing.key)
    assert [event.position for event in log] == list(range(1, len(people) + 1))
    assert Counter(event.kind for event in log) == Counter(mailings.counts(mailing))
    assert len({(event.batch, event.record) for event in log}) == len(people)
    assert {event.recipient_id for event in log} == {str(number) for number in range(len(people))}
    assert {event.code for event in log if event.kind == "suppressed"} == {"added", "invalid", "duplicate"}
    assert pull(mailing.key) == log


def test_a_bounce_is_told_with_code_category_and_hardness(receiver: MailReceiver) -> None:
    mailing = submit(["reject@a.example", "rejectdata@a.example"])
    send()
    hard, soft = pull(mailing.key)
    assert (hard.kind, hard.code, hard.category, hard.hard) == ("bounced", "5.1.1", "unknown_user", True)
    assert (soft.kind, soft.code, soft.category, soft.hard) == ("bounced", "5.7.1", "policy", False)


def test_a_hard_bounce_puts_the_address_on_the_suppression_list_and_a_soft_one_does_not(
    receiver: MailReceiver,
) -> None:
    submit(["Reject@a.example", "rejectdata@a.example", "ok@a.example"])
    send()
    assert list(Suppression.objects.values_list("address_key", "reason")) == [
        ("reject@a.example", "hard_bounce")
    ]
    again = submit(["reject@A.example", "rejectdata@a.example"])
    refused = len(receiver.refused)
    send()
    assert mailings.counts(again) == {"bounced": 1, "suppressed": 1}
    assert len(receiver.refused) == refused + 1
    assert [event.code for event in pull(again.key) if event.kind == "suppressed"] == ["hard_bounce"]


def test_a_temporary_refusal_is_told_when_it_came_to_rest(receiver: MailReceiver) -> None:
    mailing = submit(["defer@a.example"])
    send()
    assert pull(mailing.key) == []
    suppressing.add(["defer@a.example"], reason="unsubscribed")
    make_due(mailing)
    send()
    assert [(event.kind, event.code) for event in pull(mailing.key)] == [("suppressed", "unsubscribed")]


def test_what_a_dead_sender_left_is_told_as_unknown(receiver: MailReceiver) -> None:
    mailing = submit(addresses(5))
    leave_in_flight(mailing, 3)
    send()
    assert Counter(event.kind for event in pull(mailing.key)) == {"unknown": 3, "delivered": 2}


def test_what_was_taken_back_is_not_told(receiver: MailReceiver) -> None:
    mailing = submit(addresses(5))
    receiver.stop()
    send()
    control(mailing, 1, Desired.CANCEL)
    assert pull(mailing.key) == []


def test_nothing_of_a_transaction_that_failed_is_told() -> None:
    mailing = submit(addresses(1), transferred=False)
    with transaction.atomic():
        events.append(mailing.key, [happening(0)])
        transaction.set_rollback(True)
    events.append(mailing.key, [happening(1)])
    assert [(event.position, event.record) for event in pull(mailing.key)] == [(1, 1)]


def test_what_commits_late_comes_behind_what_was_read_and_is_not_missed() -> None:
    """The bug of serial numbers: a transaction that began first and commits last has the lower number."""
    mailing = submit(addresses(1), transferred=False)
    begun, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            events.append(mailing.key, [happening(100)])
            begun.set()
            assert may_commit.wait(20)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(20)
    events.append(mailing.key, [happening(200)])
    before = pull(mailing.key)
    assert said(before) == [("open", 200)]
    may_commit.set()
    thread.join()
    assert said(pull(mailing.key, after=before[-1].position)) == [("open", 100)]
    assert [event.position for event in pull(mailing.key)] == [1, 2]


def test_readers_and_writers_at_once_all_see_the_same_log() -> None:
    mailing = submit(addresses(1), transferred=False)
    stop = threading.Event()
    seen: list[list[Event]] = []

    def write(first: int) -> None:
        for number in range(first, first + 30):
            events.append(mailing.key, [happening(number), happening(1_000 + number, "click")])
        connection.close()

    def read() -> None:
        log: list[Event] = []
        while not (stop.is_set() and log and len(log) == 180):
            page = events.page(mailing.key, log[-1].position if log else 0, 11)
            log += page.events
            if stop.is_set() and not page.events:
                break
        seen.append(log)
        connection.close()

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 100, 200)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    for log in seen:
        assert [event.position for event in log] == list(range(1, 181))
        assert said(log) == said(pull(mailing.key))
    assert len(set(said(seen[0]))) == 180


def test_a_mailing_sees_only_its_own_events() -> None:
    first, second = submit(addresses(1), transferred=False), submit(addresses(1), transferred=False)
    events.append(first.key, [happening(1)])
    events.append(second.key, [happening(2), happening(3)])
    events.append(first.key, [happening(4)])
    assert [(event.position, event.record) for event in pull(first.key)] == [(1, 1), (2, 4)]
    assert [(event.position, event.record) for event in pull(second.key)] == [(1, 2), (2, 3)]


@bounded(deadline=None, max_examples=30)
@given(
    sizes=st.lists(st.integers(0, 12), max_size=12),
    limit=st.integers(1, 40),
    most=st.integers(1, 6),
    stamped=st.integers(1, 4),
)
def test_any_entries_in_any_pages_give_every_event_once(
    sizes: list[int], limit: int, most: int, stamped: int
) -> None:
    key = Mailing.objects.create().key
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "MOST", most)
        patch.setattr(events, "STAMPED_AT_ONCE", stamped)
        number = 0
        for size in sizes:
            events.append(key, [happening(number + offset) for offset in range(size)])
            number += size
        found: list[Event] = []
        for _ in range(number + len(sizes) + 1):
            found += events.page(key, found[-1].position if found else 0, limit).events
    assert [event.record for event in found] == list(range(number))
    assert [event.position for event in found] == list(range(1, number + 1))
    assert max(LogEntry.objects.filter(mailing_id=key).values_list("count", flat=True), default=0) <= most


def test_a_page_is_read_by_the_index_and_not_the_whole_log() -> None:
    mailing = submit(addresses(1), transferred=False)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cloud_logentry (mailing_id, first, count, events)"
            " SELECT %s, number, 1, repeat('x', 100) FROM generate_series(1, 40000) AS number",
            [mailing.key],
        )
        cursor.execute("ANALYZE cloud_logentry")
    entries = events.entries(mailing.key, after=39_000, limit=500)
    assert "log_position_once" in entries.explain()
    assert "Seq Scan" not in entries.explain()
    assert len(entries) == 500


def test_there_is_one_stamper_at_a_time() -> None:
    mailing = submit(addresses(1), transferred=False)
    events.append(mailing.key, [happening(1)])
    events.page(mailing.key, 0, 10)
    stamping, may_go_on = threading.Event(), threading.Event()

    def stamp_slowly() -> None:
        with transaction.atomic():
            events.append(mailing.key, [happening(2)])
            assert events.page(mailing.key, 1, 10).last == 2
            stamping.set()
            assert may_go_on.wait(20)
        connection.close()

    slow = threading.Thread(target=stamp_slowly)
    slow.start()
    assert stamping.wait(20)
    events.append(mailing.key, [happening(3)])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
        with pytest.raises(OperationalError):
            events.page(mailing.key, 1, 10)
        cursor.execute("RESET lock_timeout")
    may_go_on.set()
    slow.join()
    assert [event.record for event in events.page(mailing.key, 1, 10).events] == [2, 3]
