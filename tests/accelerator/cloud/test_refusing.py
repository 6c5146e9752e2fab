"""A message that was given back: whoever counted as delivered, or of whom nobody knew, is bounced."""

import threading
import uuid

import pytest
from django.db import connection
from django.test import Client

from accelerator import protocol
from accelerator.cloud import events, ledger, links, objecting, releasing, suppressing
from accelerator.cloud.models import Intent, Mailing, Objection
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import (
    addresses,
    control,
    counts,
    leave_in_flight,
    make_due,
    send,
    status,
    submit,
)
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

GONE = ("5.1.1", "No such user")
FULL = ("5.2.2", "The mailbox is full")


def mailing() -> Mailing:
    return Mailing.objects.get()


def intent(position: int = 0) -> Intent:
    return Intent.objects.select_related("batch").get(position=position)


def told() -> list[protocol.Event]:
    return events.page(mailing().key, 0, 100).events


def listed() -> list[str]:
    return [entry.address_key for entry in suppressing.page(0, 100)]


def test_who_was_delivered_to_is_bounced_then(receiver: MailReceiver) -> None:
    submit(addresses(2))
    send()
    assert ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}
    assert status(mailing()).counts.attempted == 2
    assert (intent().code, intent().reply, intent().attempts) == ("5.1.1", "No such user", 1)
    *_, last = told()
    assert (last.kind, last.record, last.recipient_id) == ("bounced", 0, "0")
    assert (last.code, last.category, last.hard) == ("5.1.1", "unknown_user", True)
    assert listed() == ["ok0@customers.example"]


def test_it_is_told_once_however_often_it_is_said(receiver: MailReceiver) -> None:
    submit(addresses(1))
    send()
    together = threading.Barrier(6)
    news: list[bool] = []

    def say() -> None:
        together.wait(30)
        try:
            news.append(ledger.refuse(intent(), *GONE))
        finally:
            connection.close()

    threads = [threading.Thread(target=say) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(news) == [False] * 5 + [True]
    assert counts(mailing()) == {"bounced": 1}
    assert [event.kind for event in told()] == ["delivered", "bounced"]


def test_who_is_there_and_could_not_take_it_stays_off_the_list(receiver: MailReceiver) -> None:
    submit(addresses(2))
    send()
    ledger.refuse(intent(0), *FULL)
    ledger.refuse(intent(1), "4.4.7", "No such user, and the time is over")
    assert [event.hard for event in told()[-2:]] == [False, False]
    assert counts(mailing()) == {"bounced": 2}
    assert listed() == []


def test_who_was_unknown_is_bounced_then(receiver: MailReceiver) -> None:
    submit(["dropafterdot1@customers.example"])
    send()
    assert counts(mailing()) == {"unknown": 1}
    assert ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"bounced": 1}
    assert releasing.report(mailing()).unknown == 0


def test_who_was_shown_to_have_it_is_bounced_all_the_same(receiver: MailReceiver) -> None:
    """A scanner follows the links of a message that its server gives back then."""
    submit(["dropafterdot1@customers.example"])
    send()
    Client().get("/o/" + links.Links(intent().batch_id, 0).open_url.rpartition("/")[2])
    assert counts(mailing()) == {"delivered": 1}
    assert ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"bounced": 1}


def test_who_is_to_be_tried_again_by_a_person_s_will_is_tried_no_more(receiver: MailReceiver) -> None:
    submit(["dropafterdot1@customers.example"])
    send()
    releasing.release(mailing().key, uuid.uuid4(), "they were all lost", 1)
    assert counts(mailing()) == {"deferred": 1}
    assert ledger.refuse(intent(), *GONE)
    make_due(mailing())
    send()
    assert counts(mailing()) == {"bounced": 1}
    assert len(receiver.received()) == 1


def test_who_is_put_off_is_tried_again_whatever_is_said(receiver: MailReceiver) -> None:
    submit(["deferdataonce1@customers.example"])
    send()
    assert not ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"deferred": 1}
    make_due(mailing())
    send()
    assert counts(mailing()) == {"delivered": 1}
    assert listed() == []


def test_while_it_is_in_flight_it_is_to_be_said_again(receiver: MailReceiver) -> None:
    submit(addresses(2))
    leave_in_flight(mailing(), 1)
    with pytest.raises(ledger.InFlight):
        ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"in_flight": 1, "waiting": 1}
    assert told() == []
    send()  # the sender is dead: the next one calls it unknown
    assert ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}


def test_who_never_got_one_stays_what_they_are(receiver: MailReceiver) -> None:
    suppressing.add(["ok3@customers.example"], reason=suppressing.ADDED)
    submit(["reject0@customers.example", "nobody", "ok3@customers.example"])
    send()
    before = counts(mailing())
    assert before == {"bounced": 1, "suppressed": 2}
    for position in range(3):
        assert not ledger.refuse(intent(position), "5.2.2", "full")
    assert counts(mailing()) == before
    assert intent(0).reply == "No such user"
    assert len(told()) == 3


def test_of_whom_nothing_is_told_any_more_nothing_is_kept(receiver: MailReceiver) -> None:
    """Their names were taken out between the look for them and the word about them."""
    submit(addresses(1))
    send()
    found = intent()
    ledger.forget(found.batch_id)
    assert not ledger.refuse(found, "5.1.1", "<ok0@customers.example> is unknown")
    assert intent().reply == ""
    assert [event.kind for event in told()] == ["delivered"]


def test_after_a_cancel_results_keep_coming(receiver: MailReceiver) -> None:
    submit(addresses(1))
    send()
    control(mailing(), 1, Desired.CANCEL)
    assert ledger.refuse(intent(), *GONE)
    assert counts(mailing()) == {"bounced": 1}


def test_who_complained_and_bounced_is_both(receiver: MailReceiver) -> None:
    submit(addresses(1))
    send()
    objecting.record([intent()], Objection.Kind.COMPLAINT)
    assert ledger.refuse(intent(), *GONE)
    assert [event.kind for event in told()] == ["delivered", "complaint", "bounced"]
    assert counts(mailing()) == {"bounced": 1}
