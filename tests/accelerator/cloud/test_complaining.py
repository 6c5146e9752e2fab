"""Spam complaints: found by what a report has, recorded once, and never mailed again."""

import pytest

from accelerator.cloud import complaining, events, links
from accelerator.cloud.complaining import ComplaintUnknown
from accelerator.cloud.models import Intent, LogEntry, Mailing, Objection, Suppression
from accelerator.protocol import Complaint, Event, EventKind
from tests.accelerator.cloud.mailings import addresses, counts, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mailing(receiver: MailReceiver) -> Mailing:
    """Sent to ok0 to ok3, two a batch."""
    made = submit(addresses(4), per_batch=2)
    send()
    return made


def complaints(mailing: Mailing) -> list[Event]:
    return [event for event in events.page(mailing.key, 0, 1_000).events if event.kind == EventKind.COMPLAINT]


def by_address(mailing: Mailing, address: str) -> Complaint:
    return Complaint(request_id=mailing.request_id or "", address=address)


def test_it_finds_the_recipient_by_request_id_and_address(mailing: Mailing) -> None:
    assert complaining.complain([by_address(mailing, " OK2@Customers.example")]) == 1
    (event,) = complaints(mailing)
    assert (event.batch, event.record, event.recipient_id, event.machine) == (1, 0, "2", False)
    suppression = Suppression.objects.get()
    assert (suppression.address_key, suppression.reason) == ("ok2@customers.example", "complained")


def test_it_finds_the_recipient_by_any_of_our_links(mailing: Mailing) -> None:
    pks = [intent.batch_id for intent in Intent.objects.order_by("recipient_id")]
    click = links.Links(pks[1], 1).click(0, "https://shop.example/?a=b")
    written = [
        links.Links(pks[0], 0).open_url,
        f" <{click}> ",
        links.Links(pks[2], 0).unsubscribe_url + "/?x=y#z",
        links.Links(pks[3], 1).open_url.rpartition("/")[2],
    ]
    assert complaining.complain([Complaint(link=link) for link in written]) == 4
    assert sorted(event.recipient_id for event in complaints(mailing)) == ["0", "1", "2", "3"]


def test_each_is_recorded_once(mailing: Mailing) -> None:
    complaint = by_address(mailing, "ok0@customers.example")
    batch = mailing.batches.get(number=0)
    same = Complaint(link=links.Links(batch.pk, 0).open_url)
    assert complaining.complain([complaint, complaint, same]) == 1
    assert complaining.complain([same, by_address(mailing, "ok1@customers.example")]) == 1
    assert len(complaints(mailing)) == 2


def test_whoever_unsubscribed_may_complain_too(mailing: Mailing) -> None:
    Suppression.objects.create(address_key="ok0@customers.example", reason="unsubscribed")
    assert complaining.complain([by_address(mailing, "ok0@customers.example")]) == 1
    assert len(complaints(mailing)) == 1
    assert Suppression.objects.get().reason == "unsubscribed"


def test_they_are_not_written_to_again(mailing: Mailing) -> None:
    complaining.complain([by_address(mailing, "ok0@customers.example")])
    again = submit(addresses(2))
    send()
    assert counts(again) == {"delivered": 1, "suppressed": 1}
    assert Intent.objects.get(mailing=again, state="suppressed").code == "complained"


@pytest.mark.parametrize(
    "wrong",
    [
        Complaint(),
        Complaint(request_id="nowhere", address="ok0@customers.example"),
        Complaint(address="ok0@customers.example"),
        Complaint(link="https://cloud.example/o/AQAAAAAAAAABAAAAAqWtuBefU3t9eVgJ2HnNBtc"),
        Complaint(link="ok0@customers.example"),
    ],
)
def test_one_that_names_nobody_stores_none(mailing: Mailing, wrong: Complaint) -> None:
    with pytest.raises(ComplaintUnknown, match="Complaint 2 names nobody") as caught:
        complaining.complain([by_address(mailing, "ok0@customers.example"), wrong])
    assert "@" not in str(caught.value)
    assert not Objection.objects.exists()
    assert not Suppression.objects.exists()
    assert not complaints(mailing)


@pytest.mark.parametrize("address", ["ok9@customers.example", "no address", "", "é\ud800@x.example"])
def test_an_address_that_was_not_written_to_names_nobody(mailing: Mailing, address: str) -> None:
    with pytest.raises(ComplaintUnknown):
        complaining.complain([by_address(mailing, address)])


def test_none_are_none(mailing: Mailing) -> None:
    before = LogEntry.objects.count()
    assert complaining.complain([]) == 0
    assert LogEntry.objects.count() == before
