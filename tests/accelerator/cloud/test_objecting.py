"""Who objects does so once, whatever comes at the same time and in whatever order."""

import threading

import pytest
from django.db import connection, transaction

from accelerator.cloud import events, objecting
from accelerator.cloud.models import Intent, Mailing, Objection, Suppression
from tests.accelerator.cloud.mailings import addresses, send, submit, wait_until
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mailings(receiver: MailReceiver) -> list[Mailing]:
    """Two that the same ten people got, four a batch."""
    made = [submit(addresses(10), per_batch=4) for _ in range(2)]
    send()
    return made


def intents() -> list[Intent]:
    return list(Intent.objects.select_related("batch").order_by("pk"))


def told(mailing: Mailing, kind: str) -> list[str]:
    found = events.page(mailing.key, 0, 1_000).events
    return sorted(event.recipient_id for event in found if event.kind == kind)


def test_each_mailing_hears_of_its_own_recipients(mailings: list[Mailing]) -> None:
    several = [intent for intent in intents() if intent.recipient_id in ("1", "5", "9")]
    assert objecting.record(several, Objection.Kind.COMPLAINT) == 6
    assert objecting.record(several, Objection.Kind.COMPLAINT) == 0
    for mailing in mailings:
        assert told(mailing, "complaint") == ["1", "5", "9"]
    assert Suppression.objects.filter(reason="complained").count() == 3


def test_the_two_kinds_do_not_hide_each_other(mailings: list[Mailing]) -> None:
    one = intents()[:1]
    assert objecting.record(one, Objection.Kind.UNSUBSCRIBE) == 1
    assert objecting.record(one, Objection.Kind.COMPLAINT) == 1
    assert told(mailings[0], "unsubscribe") == told(mailings[0], "complaint") == [one[0].recipient_id]
    assert Suppression.objects.get().reason == "unsubscribed"


def test_those_that_come_at_once_in_another_order_wait_for_each_other_in_one_direction(
    mailings: list[Mailing],
) -> None:
    everybody, counted = intents(), []

    def record() -> None:
        counted.append(objecting.record(everybody[::-1], Objection.Kind.COMPLAINT))
        connection.close()

    thread = threading.Thread(target=record)
    with transaction.atomic():
        counted.append(objecting.record(everybody[:1], Objection.Kind.COMPLAINT))
        thread.start()
        wait_until(somebody_waits)
        counted.append(objecting.record(everybody[-1:], Objection.Kind.COMPLAINT))
    thread.join(20)
    assert counted == [1, 1, 18]
    for mailing in mailings:
        assert len(told(mailing, "complaint")) == 10


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None
