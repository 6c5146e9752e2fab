"""Where a mailing stands: a fixed number of queries, however many recipients."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.accelerator.cloud.mailings import addresses, send, status, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


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
