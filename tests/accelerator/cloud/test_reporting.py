"""Lists of recipients: in pages, complete, each once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accelerator.cloud import reporting
from tests.accelerator.cloud.mailings import addresses, send, status, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_pages_are_complete_and_without_repetition(receiver: MailReceiver) -> None:
    people = [name for pair in zip(addresses(20), addresses(20, "reject"), strict=True) for name in pair]
    mailing = submit(people, per_batch=7)
    send()
    for outcome, start in (("delivered", "ok"), ("bounced", "reject")):
        found, after, pages = [], "", 0
        while True:
            page = reporting.recipients(mailing.key, outcome, after, 6)
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
    (recipient,) = reporting.recipients(mailing.key, "bounced", "", 10).recipients
    assert recipient.model_dump(exclude={"at"}) == {
        "recipient_id": "0",
        "address": "Reject@a.example",
        "outcome": "bounced",
        "code": "5.1.1",
        "reply": "No such user",
    }
    assert recipient.at


def test_a_status_is_a_fixed_number_of_queries_and_never_reads_the_ledger(receiver: MailReceiver) -> None:
    mailing = submit(addresses(30), per_batch=3)
    send()
    with CaptureQueriesContext(
        connection,
    ) as captured:
        status(mailing)
    statements = [query["sql"] for query in captured.captured_queries]
    assert len(statements) == 2
    assert not any("cloud_intent" in statement or "supplemental" in statement for statement in statements)
