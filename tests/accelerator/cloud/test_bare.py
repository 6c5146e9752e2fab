"""Sending without the ledger, which only a benchmark does: to nobody who could be a person."""

import pytest

from accelerator.cloud import bare, lines
from accelerator.cloud.models import Intent
from tests.accelerator.cloud.mailings import addresses, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_part_of_a_mailing_is_sent_and_nothing_is_written(receiver: MailReceiver) -> None:
    mailing = submit(addresses(7), per_batch=3)
    sent = [bare.main(mailing.key, part, 2)["accepted"] for part in (0, 1)]
    lines.hang_up()
    assert sent == [4, 3]
    assert sorted(recipient for _, recipient, _ in receiver.messages) == addresses(7)
    assert not Intent.objects.exists()


@pytest.mark.parametrize("address", ["bob@shop.com", "bob@example.com", "bob@b.example.org"])
def test_a_mailing_to_anybody_who_may_live_is_refused(receiver: MailReceiver, address: str) -> None:
    mailing = submit([*addresses(3), address])
    with pytest.raises(SystemExit, match="nobody real is contacted"):
        bare.main(mailing.key, 0, 1)
    lines.hang_up()
    assert receiver.messages == []
