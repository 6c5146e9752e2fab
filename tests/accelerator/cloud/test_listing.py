"""Lists of recipients: in pages, complete, each once."""

import pytest
from pytest_django.fixtures import Settings

from accelerator import protocol
from accelerator.cloud import delivering, intake, listing
from accelerator.cloud.models import Mailing
from accelerator.protocol import Desired
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import addresses, control, counts, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_pages_are_complete_and_without_repetition(receiver: MailReceiver) -> None:
    people = [name for pair in zip(addresses(20), addresses(20, "reject"), strict=True) for name in pair]
    mailing = submit(people, per_batch=7)
    send()
    for outcome, start in (("delivered", "ok"), ("bounced", "reject")):
        found, after, pages = [], "", 0
        while True:
            page = listing.recipients(mailing, outcome, after, 6)
            found += [recipient.address for recipient in page.recipients]
            pages += 1
            if page.next is None:
                break
            after = page.next
        assert found == addresses(20, start)
        assert pages == 4


def test_a_recipient_says_what_happened(receiver: MailReceiver) -> None:
    mailing = submit(["Reject@a.example"])
    send()
    (recipient,) = listing.recipients(mailing, "bounced", "", 10).recipients
    assert recipient.model_dump(exclude={"at"}) == {
        "recipient_id": "0",
        "address": "Reject@a.example",
        "outcome": "bounced",
        "code": "5.1.1",
        "reply": "No such user",
        "category": "unknown_user",
        "hard": True,
    }
    assert recipient.at


def everybody(mailing: Mailing, outcome: str, limit: int = 3) -> list[protocol.Recipient]:
    """All pages of an outcome."""
    mailing.refresh_from_db()
    found: list[protocol.Recipient] = []
    after: str | None = ""
    while after is not None:
        page = listing.recipients(mailing, outcome, after, limit)
        assert len(page.recipients) <= limit
        found += page.recipients
        after = page.next
    return found


def test_after_a_cancel_it_lists_whom_nobody_will_contact(receiver: MailReceiver, settings: Settings) -> None:
    people = ["ok1@a.example", "defer@a.example", "reject@a.example", *addresses(8)]
    mailing = submit(people, per_batch=4, transferred=False)
    batches = [
        protocol.encode_batch(mailings.table(people[at : at + 4], first=at))
        for at in range(0, len(people), 4)
    ]
    intake.store_batch(mailing.key, 0, batches[0])
    send()
    control(mailing, 1, Desired.PAUSE)
    intake.store_batch(mailing.key, 1, batches[1])
    assert everybody(mailing, "not_sent") == []  # nothing is sure yet
    control(mailing, 2, Desired.CANCEL)

    assert counts(mailing) == {"delivered": 2, "bounced": 1, "not_sent": 5}
    listed = everybody(mailing, "not_sent")
    assert [recipient.address for recipient in listed] == ["defer@a.example", *addresses(8)[1:5]]
    assert [recipient.recipient_id for recipient in listed] == ["1", "4", "5", "6", "7"]
    assert {recipient.outcome for recipient in listed} == {"not_sent"}
    assert (listed[0].code, listed[1].reply) == ("4.2.1", "not attempted")
    assert everybody(mailing, "deferred") == []


def test_each_recipient_of_a_cancelled_mailing_is_in_exactly_one_list(
    receiver: MailReceiver, settings: Settings
) -> None:
    people = [name for number in range(15) for name in (f"ok{number}@a.example", f"defer{number}@b.example")]
    people += ["reject@a.example", "dropafterdot@a.example", "no address", "OK1@a.example"]
    names: list[str | None] = ["Bob"] * len(people)
    names[4] = None
    mailing = submit(people, names=names, per_batch=8)
    for _ in range(3):
        delivering.step()
    control(mailing, 1, Desired.CANCEL)
    listed = [
        recipient.recipient_id
        for outcome in (*listing.OUTCOMES, listing.NOT_SENT)
        for recipient in everybody(mailing, outcome)
    ]
    assert sorted(listed, key=int) == [str(number) for number in range(len(people))]


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1.x", "-1.2", "٣.١", "9" * 30 + ".1", "99999999999999999999.1", "1.99999999999"]
)
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(listing.PageInvalid):
        listing.recipients(Mailing(), "delivered", cursor, 10)
