"""Trying unknown recipients again: a person's act, done once, and never while somebody may have messages in hand."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accelerator import leases, protocol
from accelerator.cloud import events, hits, intake, ledger, links, releasing, reporting, retention, senders
from accelerator.cloud.entries import Attempt, Outcome
from accelerator.cloud.models import Abandoned, Batch, Intent, Mailing, SenderProcess
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

ACT = uuid.uuid4()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of this machine."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(100)"], stdout=-1
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def held_by(pid: int) -> SenderProcess:
    """As if the process of that number had held every batch."""
    started = senders._started(pid)
    assert started
    row = SenderProcess.objects.create(host="here", kernel=senders._kernel(), pid=pid, started=started)
    Batch.objects.update(holder=row)
    return row


def release(mailing: Mailing, act: uuid.UUID = ACT) -> int:
    return releasing.release(mailing.key, act, "asked the mail server's people").recipients


def refusal(mailing: Mailing) -> str:
    with pytest.raises(intake.Conflict) as caught:
        release(mailing, uuid.uuid4())
    return str(caught.value)


def report(mailing: Mailing) -> protocol.Unknowns:
    found = reporting.find(mailing.key)
    assert found is not None
    return releasing.report(found)


def orphaned(records: int = 5, unknown: int = 3) -> Mailing:
    """A mailing of which a sender left some in flight."""
    mailing = submit(addresses(records))
    leave_in_flight(mailing, unknown)
    return mailing


def test_who_is_unknown_by_a_cut_line_is_tried_again_once(receiver: MailReceiver) -> None:
    mailing = submit(["dropafterdot@customers.example", *addresses(2)])
    send()
    assert counts(mailing) == {"delivered": 2, "unknown": 1}
    receiver.messages.clear()
    assert report(mailing).releasable == 1
    assert release(mailing) == release(mailing) == 1
    assert counts(mailing) == {"delivered": 2, "deferred": 1}
    send()
    # The same again: nobody can know, and nobody tries by himself.
    assert counts(mailing) == {"delivered": 2, "unknown": 1}
    assert len(receiver.messages) == 1
    assert release(mailing) == 1
    send()
    assert len(receiver.messages) == 1
    assert release(mailing, uuid.uuid4()) == 1
    send()
    assert len(receiver.messages) == 2


def test_after_a_sender_that_lives_nobody_is_tried_again(
    receiver: MailReceiver, other: subprocess.Popen[bytes]
) -> None:
    mailing = orphaned()
    process = held_by(other.pid)
    send()
    assert counts(mailing) == {"unknown": 3, "delivered": 2}
    seen = report(mailing)
    assert (seen.unknown, seen.releasable) == (3, 0)
    assert [(row.id, row.pid, row.host) for row in seen.senders] == [(process.pk, other.pid, "here")]
    assert "may still have messages in hand" in seen.refusal
    assert "may still have messages in hand" in refusal(mailing)
    # Frozen is not gone, and nobody can declare it who could stop it.
    os.kill(other.pid, signal.SIGSTOP)
    assert "may still have messages in hand" in refusal(mailing)
    assert not senders.declare(process.pk, "I think so")
    assert counts(mailing) == {"unknown": 3, "delivered": 2}
    # Killed is gone, though nobody has taken note of it yet.
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert report(mailing).releasable == 3
    assert release(mailing) == 3
    send()
    assert counts(mailing) == {"delivered": 5}
    process.refresh_from_db()
    assert process.proof == "looked"


def test_as_many_as_the_person_saw_or_nobody(receiver: MailReceiver) -> None:
    mailing = submit(["dropafterdot@customers.example"])
    send()
    with pytest.raises(intake.Conflict, match="There were 2 when you looked, and there are 1 now"):
        releasing.release(mailing.key, ACT, "why", 2)
    assert releasing.release(mailing.key, ACT, "why", 1).recipients == 1
    assert releasing.release(mailing.key, ACT, "why", 2).recipients == 1  # it was done


def test_who_refuses_the_next_try_is_bounced(receiver: MailReceiver) -> None:
    mailing = submit(addresses(3, "reject"))
    leave_in_flight(mailing, 1)
    row = SenderProcess.objects.create(host="gone", kernel="k", pid=1, started=1)
    Batch.objects.update(holder=row)
    send()
    assert counts(mailing) == {"bounced": 2, "unknown": 1}
    assert senders.declare(row.pk, "gone")
    Intent.objects.filter(state="unknown").update(address_key="reject0@customers.example")
    release(mailing)
    send()
    assert counts(mailing) == {"bounced": 3}
    kinds = [event.kind for event in events.page(mailing.key, 0, 100).events]
    assert sorted(kinds) == ["bounced", "bounced", "bounced", "unknown"]


def test_only_the_batch_that_somebody_may_have_in_hand_waits(
    receiver: MailReceiver, other: subprocess.Popen[bytes]
) -> None:
    mailing = submit([*addresses(2), "dropafterdot@customers.example"], per_batch=2)
    leave_in_flight(mailing, 1)
    held_by(other.pid)
    send()
    assert counts(mailing) == {"unknown": 2, "delivered": 1}
    assert report(mailing).releasable == 1
    assert release(mailing) == 1
    assert counts(mailing) == {"unknown": 1, "deferred": 1, "delivered": 1}


def test_of_a_machine_that_is_gone_a_person_says_so(receiver: MailReceiver) -> None:
    mailing = orphaned()
    row = SenderProcess.objects.create(host="burnt", kernel="another boot", pid=os.getpid(), started=1)
    Batch.objects.update(holder=row)
    send()
    assert "may still have messages in hand" in refusal(mailing)
    assert senders.declare(row.pk, "it burnt down")
    row.refresh_from_db()
    assert (row.proof, row.why) == ("declared", "it burnt down")
    assert release(mailing) == 3


def test_senders_of_before_the_upgrade_count_as_living(receiver: MailReceiver) -> None:
    mailing = orphaned()
    Batch.objects.update(holder=None)
    send()
    [seen] = report(mailing).senders
    assert seen.host == "an earlier version"
    assert refusal(mailing)
    assert senders.declare(seen.id, "all machines were restarted")
    assert release(mailing) == 3


def test_a_sender_says_who_it_is_before_it_sends(receiver: MailReceiver) -> None:
    mailing = submit(addresses(2))
    send()
    batch = Batch.objects.get(mailing=mailing)
    assert batch.holder is not None
    assert batch.holder.pid == os.getpid()
    senders.look()
    assert SenderProcess.objects.get().ended_at is None
    assert not Abandoned.objects.exists()


def test_a_number_that_another_process_has_now_is_gone() -> None:
    row = SenderProcess.objects.create(host="here", kernel=senders._kernel(), pid=os.getpid(), started=1)
    senders.look()
    row.refresh_from_db()
    assert row.ended_at is not None


def test_an_open_ends_the_next_try(receiver: MailReceiver, client: Client) -> None:
    mailing = submit(["dropafterdot@customers.example"])
    send()
    release(mailing)
    intent = Intent.objects.select_related("batch").get()
    with_url = links.Links(intent.batch_id, intent.position).open_url
    client.get("/o/" + with_url.rpartition("/o/")[2])
    assert counts(mailing) == {"delivered": 1}
    make_due(mailing)
    send()
    hits.tell(mailing.key)
    assert len(receiver.messages) == 1
    assert [event.kind for event in events.page(mailing.key, 0, 100).events] == [
        "unknown",
        "delivered",
        "open",
    ]


def test_while_paused_it_waits_for_the_resume(receiver: MailReceiver) -> None:
    mailing = submit(["dropafterdot@customers.example"])
    send()
    control(mailing, 1, Desired.PAUSE)
    release(mailing)
    send()
    assert len(receiver.messages) == 1
    control(mailing, 2, Desired.RUN)
    send()
    assert len(receiver.messages) == 2


def test_a_cancel_before_the_next_try_makes_them_unknown_again(receiver: MailReceiver) -> None:
    """They are not "not sent": somebody may have the message."""
    mailing = submit(["dropafterdot@customers.example", "defer@customers.example"])
    send()
    assert counts(mailing) == {"unknown": 1, "deferred": 1}
    control(mailing, 1, Desired.PAUSE)
    release(mailing)
    assert counts(mailing) == {"deferred": 2}
    control(mailing, 2, Desired.CANCEL)
    assert status(mailing).counts.unknown == 1
    assert status(mailing).counts.not_sent == 1
    assert len(receiver.messages) == 1
    assert "cancelled" in refusal(mailing)


def test_a_cancel_in_the_middle_of_the_next_try_makes_them_unknown_again(receiver: MailReceiver) -> None:
    mailing = submit(["dropafterdot1@customers.example", "dropafterdot2@customers.example"])
    send()
    control(mailing, 1, Desired.PAUSE)
    release(mailing)
    control(mailing, 2, Desired.RUN)
    batch = leases.claim(Batch.objects.all(), Batch.objects.get().pk, seconds=60)
    assert batch is not None
    stock = ledger.take_stock(batch)
    again = [
        Attempt(position, str(position), f"{position}@x.example", f"{position}@x.example", tries)
        for position, tries in stock.retries
    ]
    assert len(ledger.commit(batch, [], again).sendable) == 2
    control(mailing, 3, Desired.PAUSE)
    control(mailing, 4, Desired.CANCEL)
    ledger.settle(batch, [Outcome(0, "deferred", "4.2.1", "later", 60.0)], again[1:])
    assert status(mailing).counts.unknown == 2
    assert status(mailing).counts.not_sent == 0


def test_where_nobody_may_be_tried_again_it_says_why(receiver: MailReceiver, settings: Settings) -> None:
    mailing = submit(["dropafterdot@customers.example"])
    assert "Nobody of this mailing is unknown" in refusal(mailing)
    send()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cloud_mailing SET restored_at = now()")
        assert "restored from an older copy" in refusal(mailing)
        cursor.execute("UPDATE cloud_mailing SET restored_at = NULL, over_at = now() - interval '999 days'")
    retention.sweep()
    assert "who its recipients were is not kept" in refusal(mailing)
    unheard = uuid.uuid4()
    with pytest.raises(intake.Conflict, match="has not accepted"):
        releasing.release(unheard, ACT, "why")
