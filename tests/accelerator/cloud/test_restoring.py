"""A database restored from an older copy: noticed by the mark, everything held, nobody sent to again."""

from collections import Counter
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from accelerator import protocol
from accelerator.cloud import events, intake, links, objecting, restoring, suppressing, tasks
from accelerator.cloud.models import Batch, Generation, Intent, Mailing, Objection, mark
from accelerator.marks import Restored
from accelerator.protocol import Desired
from tests.accelerator.cloud import mailings
from tests.mail import MailReceiver
from tests.older import OlderCopy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def older() -> Iterator[OlderCopy]:
    copy = OlderCopy()
    yield copy
    copy.drop()


def twice(receiver: MailReceiver) -> list[str]:
    return [address for address, count in Counter(receiver.received()).items() if count > 1]


def test_whoever_was_sent_to_since_the_copy_is_not_sent_to_again(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    mailing = mailings.submit([*mailings.addresses(30), *mailings.addresses(5, "defer")], per_batch=10)
    older.take()
    mailings.send()
    assert len(receiver.messages) == 30
    older.restore()

    mailings.send()
    assert len(receiver.messages) == 30
    assert mailings.counts(mailing) == {"unknown": 35}
    status = mailings.status(mailing)
    assert status.restored
    assert status.stopped is not None
    assert status.stopped.code == protocol.RESTORED
    assert "Unknown" in status.stopped.reason


def test_outcomes_that_the_copy_knows_stay_and_the_rest_is_unknown(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    mailing = mailings.submit(
        [*mailings.addresses(10), *mailings.addresses(5, "defer"), "not an address"], per_batch=8
    )
    mailings.send()
    assert mailings.counts(mailing) == {"delivered": 10, "deferred": 5, "suppressed": 1}
    older.take()
    mailings.make_due(mailing)
    mailings.send()
    older.restore()
    tasks.sweep()
    mailings.send()
    assert mailings.counts(mailing) == {"delivered": 10, "unknown": 5, "suppressed": 1}
    assert twice(receiver) == []


def test_a_resume_lets_the_mailing_come_to_its_end_and_sends_to_nobody(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    mailing = mailings.submit(mailings.addresses(20), per_batch=5)
    older.take()
    mailings.send()
    older.restore()
    tasks.sweep()
    mailings.control(mailing, 5, Desired.RUN)
    mailings.send()
    assert mailings.counts(mailing) == {"unknown": 20}
    assert mailings.status(mailing).state == protocol.MailingState.FINISHED
    assert len(receiver.messages) == 20


def test_a_batch_that_the_copy_lacks_is_taken_in_again_and_its_records_are_unknown(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    batches = [protocol.encode_batch(mailings.table(mailings.addresses(5, name))) for name in ("a", "b")]
    request = mailings.request(batches)
    mailing = intake.accept(Mailing().key, request)
    older.take()
    for number, data in enumerate(batches):
        intake.store_batch(mailing.key, number, data)
    mailings.send()
    assert len(receiver.messages) == 10
    older.restore()
    restoring.look()
    for number, data in enumerate(batches):
        assert intake.store_batch(mailing.key, number, data).due
    mailings.send()
    assert mailings.counts(mailing) == {"unknown": 10}
    assert len(receiver.messages) == 10


def test_a_mailing_at_its_end_is_left_alone(older: OlderCopy, receiver: MailReceiver) -> None:
    done = mailings.submit(mailings.addresses(5))
    mailings.send()
    older.take()
    mailings.submit(mailings.addresses(5, "more"))
    mailings.send()
    older.restore()
    tasks.sweep()
    assert mailings.counts(done) == {"delivered": 5}
    assert mailings.status(done).stopped is None
    assert not mailings.status(done).restored


def test_a_control_that_meets_it_changes_nothing_and_is_repeated(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    mailing = mailings.submit(mailings.addresses(5))
    older.take()
    mailings.control(mailing, 1, Desired.PAUSE)
    older.restore()
    with pytest.raises(Restored) as noticed:
        mailings.control(mailing, 2, Desired.RUN)
    assert mailings.status(mailing).seq == 0
    restoring.notice(noticed.value)
    assert mailings.control(mailing, 2, Desired.RUN).seq == 2
    mailings.send()
    assert receiver.messages == []


def test_it_is_noticed_once(older: OlderCopy) -> None:
    mailing = mailings.submit(mailings.addresses(5))
    older.take()
    mailings.control(mailing, 1, Desired.PAUSE)
    older.restore()
    for _ in range(3):
        tasks.sweep()
    generation = Generation.objects.get()
    assert generation.cause == "noticed"
    mark.check()
    mailings.control(mailing, 3, Desired.RUN)
    tasks.sweep()
    assert mailings.status(mailing).stopped is None


def test_the_same_copy_restored_again_is_noticed_again(older: OlderCopy, receiver: MailReceiver) -> None:
    mailing = mailings.submit(mailings.addresses(5))
    older.take()
    mailings.send()
    for _ in range(2):
        older.restore()
        tasks.sweep()
        mailings.send()
        assert mailings.counts(mailing) == {"unknown": 5}
        mailings.control(mailing, 9, Desired.RUN)
        assert Generation.objects.count() == 1
    assert len(receiver.messages) == 5


def test_a_copy_that_lacks_one_window_only_is_noticed(older: OlderCopy, receiver: MailReceiver) -> None:
    mailings.submit(mailings.addresses(1))
    mailings.send()
    older.take()
    mailings.submit(mailings.addresses(1, "next"))
    older.restore()
    with pytest.raises(Restored):
        mark.check()


def test_a_copy_that_lacks_nothing_is_no_older_copy(older: OlderCopy, receiver: MailReceiver) -> None:
    mailing = mailings.submit(mailings.addresses(5))
    older.take()
    older.restore()
    tasks.sweep()
    mailings.send()
    assert mailings.counts(mailing) == {"delivered": 5}


def test_a_reader_misses_nothing_that_happens_after_it(older: OlderCopy, receiver: MailReceiver) -> None:
    """Positions that the reader has seen are not given again."""
    mailing = mailings.submit(mailings.addresses(4), per_batch=2)
    older.take()
    mailings.send()
    seen = events.page(mailing.key, 0, 100)
    assert seen.last == 4
    older.restore()
    tasks.sweep()
    mailings.send()
    more = events.page(mailing.key, seen.last, 100)
    assert [(event.position, event.kind) for event in more.events] == [(n, "unknown") for n in range(5, 9)]
    assert events.page(mailing.key, 8, 100).events == []


def test_what_was_read_before_it_was_numbered_in_the_copy_keeps_its_position(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    mailing = mailings.submit([*mailings.addresses(4), "defer@customers.example"])
    mailings.send()
    older.take()  # nobody has read yet: nothing is numbered
    before = events.page(mailing.key, 0, 100)
    older.restore()
    restoring.look()
    assert events.page(mailing.key, 0, 4) == before.model_copy(update={"events": before.events[:4]})


def test_an_unsubscribe_that_meets_it_is_not_lost(older: OlderCopy, receiver: MailReceiver) -> None:
    mailing = mailings.submit(mailings.addresses(1))
    mailings.send()
    older.take()
    suppressing.add(["somebody@customers.example"], reason="added")
    older.restore()
    intent = Intent.objects.get(mailing=mailing)
    path = links.Links(intent.batch_id, intent.position).unsubscribe_url.partition("8001")[2]
    assert Client().post(path).status_code == 200
    assert Objection.objects.filter(kind="unsubscribe").count() == 1
    assert Generation.objects.get().cause == "noticed"


def test_a_person_declares_it_where_no_mark_was_kept(older: OlderCopy, receiver: MailReceiver) -> None:
    mailing = mailings.submit(mailings.addresses(10), per_batch=5)
    older.take()
    mailings.send()
    older.restore()
    mark.path.unlink()
    mark.check()
    out = StringIO()
    call_command("restored", stdout=out)
    assert "1 mailings are held" in out.getvalue()
    mailings.send()
    assert mailings.counts(mailing) == {"unknown": 10}
    assert len(receiver.messages) == 10


def test_a_cancelled_mailing_stays_cancelled(older: OlderCopy, receiver: MailReceiver) -> None:
    mailing = mailings.submit(mailings.addresses(3))
    mailings.control(mailing, 1, Desired.CANCEL)
    older.take()
    mailings.submit(mailings.addresses(3, "more"))
    older.restore()
    tasks.sweep()
    mailings.send()
    assert mailings.status(mailing).counts.not_sent == 3
    assert receiver.messages == []


def test_an_objection_is_counted_once_though_it_met_it(older: OlderCopy, receiver: MailReceiver) -> None:
    mailing = mailings.submit(mailings.addresses(1))
    mailings.send()
    intent = Intent.objects.select_related("batch").get(mailing=mailing)
    older.take()
    mailings.submit(mailings.addresses(1, "more"))
    older.restore()
    assert restoring.minding(lambda: objecting.record([intent], Objection.Kind.COMPLAINT)) == 1
    assert objecting.record([intent], Objection.Kind.COMPLAINT) == 0


def test_links_in_mails_that_the_copy_does_not_know_of_name_nobody_else(
    older: OlderCopy, receiver: MailReceiver
) -> None:
    older.take()
    mailings.submit(mailings.addresses(3), per_batch=1)
    mailings.send()
    numbers = set(Batch.objects.values_list("pk", flat=True))
    older.restore()
    tasks.sweep()
    again = mailings.submit(mailings.addresses(3, "late"), per_batch=1)
    assert not numbers & set(again.batches.values_list("pk", flat=True))
