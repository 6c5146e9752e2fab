"""What hits come to: an event each, once, in the order of their times, with what they show about the recipient."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import events, hits, retention
from accelerator.cloud.hits import Visit, keeping, scanning, telling
from accelerator.cloud.models import Hit, Intent, Mailing
from tests.accelerator.cloud.mailings import addresses, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mailing(receiver: MailReceiver) -> Mailing:
    made = submit(addresses(4), per_batch=2)
    send()
    return made


def hit(
    mailing: Mailing, number: int, kind: str = "open", link: int | None = None, ago: float = 0.0
) -> Visit:
    """Something that the recipient of that number did, or a machine before them."""
    batch = mailing.batches.get(number=number // 2)
    return Visit(batch.pk, number % 2, kind, link, machine=False, at=time.time() - ago)


def told(mailing: Mailing) -> list[tuple[str, str, int | None, bool]]:
    found = events.page(mailing.key, 0, 10_000).events
    return [
        (event.kind, event.recipient_id, event.link, event.machine)
        for event in found
        if event.kind in ("open", "click")
    ]


def test_each_is_told_once_in_the_order_of_the_times(mailing: Mailing) -> None:
    keeping.insert([hit(mailing, 3, "click", 1, ago=10), hit(mailing, 0, ago=30), hit(mailing, 3, ago=20)])
    assert [hits.tell(mailing.key) for _ in range(2)] == [3, 0]
    assert told(mailing) == [("open", "0", None, False), ("open", "3", None, False), ("click", "3", 1, False)]
    times = [event.at for event in events.page(mailing.key, 0, 100).events if event.kind in ("open", "click")]
    assert [round((later - times[0]).total_seconds()) for later in times] == [0, 10, 20]
    assert times[0] == Hit.objects.order_by("at")[0].at


def test_it_waits_until_it_is_known_what_else_was_done(mailing: Mailing, settings: Settings) -> None:
    settings.HITS_HELD = timedelta(seconds=15)
    keeping.insert([hit(mailing, 0, ago=14), hit(mailing, 1, ago=16)])
    assert hits.tell(mailing.key) == 1
    assert told(mailing) == [("open", "1", None, False)]


def test_the_page_of_events_has_what_is_due(client: Client, mailing: Mailing, settings: Settings) -> None:
    keeping.insert([hit(mailing, 0)])
    key = next(iter(settings.CLOUD_KEYS.values()))
    path = f"/v1/mailings/{mailing.key}/events"
    signed = protocol.sign(key, "GET", path, b"", at=int(time.time()))
    answer = client.get(path, headers=signed).json()
    assert [event["kind"] for event in answer["events"]].count("open") == 1


def test_many_are_told_piece_by_piece(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "MOST", 10)
    keeping.insert([hit(mailing, number % 4, ago=100 - number) for number in range(25)])
    assert [hits.tell(mailing.key) for _ in range(4)] == [10, 10, 5, 0]
    assert [recipient for _, recipient, _, _ in told(mailing)] == [str(number % 4) for number in range(25)]


def test_several_that_tell_at_once_tell_each_once(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "MOST", 20)
    keeping.insert([hit(mailing, number % 4, ago=300 - number) for number in range(200)])
    barrier = threading.Barrier(4)

    def tell() -> int:
        barrier.wait(20)
        try:
            return sum(hits.tell(mailing.key) for _ in range(12))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda _: tell(), range(4))) == 200
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one
    assert len(told(mailing)) == 200


def test_a_scanner_that_says_that_it_is_a_browser_is_known_by_what_it_does(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "BURSTS", ((3, 3.0),))
    gateway = [hit(mailing, 0, "click", link, ago=60 - link / 2) for link in range(3)]
    trapped = [hit(mailing, 1, "trap", ago=40), hit(mailing, 1, "open", ago=41)]
    person = [hit(mailing, 2, "open", ago=70), hit(mailing, 2, "click", 0, ago=50), hit(mailing, 1, ago=20)]
    keeping.insert([*gateway, *trapped, *person])
    hits.tell(mailing.key)
    assert [(recipient, machine) for _, recipient, _, machine in told(mailing)] == [
        ("2", False),
        *[("0", True)] * 3,
        ("2", False),
        ("1", True),
        ("1", False),
    ]
    assert not Hit.objects.filter(told_at=None).exists()


def test_what_came_before_and_was_told_counts_too(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a burst whose first clicks were due a moment sooner than its last."""
    monkeypatch.setattr(scanning, "BURSTS", ((3, 3.0),))
    keeping.insert([hit(mailing, 0, "click", link, ago=60 - link) for link in range(3)])
    assert hits.tell(mailing.key, held=timedelta(seconds=59.5)) == 1
    assert hits.tell(mailing.key) == 2
    assert [machine for *_, machine in told(mailing)] == [True] * 3


def test_what_nobody_can_have_done_before_it_was_sent_is_a_machines(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "EARLY", 3_600.0)
    keeping.insert([hit(mailing, 0)])
    hits.tell(mailing.key)
    assert told(mailing) == [("open", "0", None, True)]


# --- whom nothing is told of ----------------------------------------------------------------------------


def test_a_hit_of_nobody_is_said_and_told_no_more(mailing: Mailing, caplog: pytest.LogCaptureFixture) -> None:
    batch = mailing.batches.get(number=0)
    keeping.insert([Visit(batch.pk, 99, "open", None, machine=False), hit(mailing, 0)])
    assert hits.tell(mailing.key) == 2
    assert len(told(mailing)) == 1
    assert "1 hits of links to nobody" in caplog.text
    assert hits.tell(mailing.key) == 0


def test_with_the_mailing_its_hits_are_forgotten(mailing: Mailing, settings: Settings) -> None:
    keeping.insert([hit(mailing, 0), hit(mailing, 3)])
    settings.COLLECTING_WINDOW = settings.RETENTION = settings.UNREAD_RETENTION = timedelta(0)
    until = time.monotonic() + 30
    while Hit.objects.exists():
        assert time.monotonic() < until
        retention.sweep()
    keeping.insert([hit(mailing, 0)])
    assert not Hit.objects.exists()
    assert hits.tell(mailing.key) == 0
    assert Intent.objects.filter(mailing=mailing, recipient_id="").count() == 4
    assert told(mailing) == []


def test_the_number_of_queries_grows_with_nothing(receiver: MailReceiver) -> None:
    def queries(batches: int) -> int:
        mailing = submit(addresses(2 * batches), per_batch=2)
        send()
        keeping.insert([hit(mailing, number) for number in range(2 * batches)])
        with CaptureQueriesContext(connection) as asked:
            assert hits.tell(mailing.key) == 2 * batches
        return len(asked)

    assert queries(2) == queries(12)
