"""One sender, a real database, a real mail server: what is sent, and what is said about it."""

import email
import email.policy
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.db.models.functions import Now
from pytest_django import Settings

from accelerator import leases, protocol
from accelerator.cloud import delivering, draining, entries, intake, ledger, preparing, suppressing, window
from accelerator.cloud.models import Batch, Intent, Pace
from accelerator.protocol import Desired, MailingState
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import (
    addresses,
    control,
    counts,
    make_due,
    send,
    status,
    submit,
    submit_table,
)
from tests.accelerator.cloud.scripted import CUT, ScriptedServer
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_delivers_to_everybody_once(receiver: MailReceiver) -> None:
    mailing = submit(addresses(250), per_batch=100)
    send()
    assert sorted(receiver.received()) == sorted(addresses(250))
    assert counts(mailing) == {"delivered": 250}
    answer = status(mailing)
    assert answer.state == MailingState.FINISHED
    assert answer.counts.attempted == 250
    assert answer.last_attempt_at is not None


def test_it_sends_what_the_template_says(receiver: MailReceiver) -> None:
    submit(["Zoe@Customers.example"], names=["Zoë <b>"])
    send()
    sender, recipient, content = receiver.messages[0]
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert (sender, recipient) == ("news@shop.example", "Zoe@customers.example")
    assert message["Subject"] == "News for Zoë <b>"
    assert message["From"] == "Alice's shop <news@shop.example>"
    text, html = message.iter_parts()
    assert "Dear Zoë <b>" in text.get_content()
    assert "Dear Zoë &lt;b&gt;" in html.get_content()
    assert message["List-Unsubscribe"].strip("<>") in text.get_content()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_it_sends_with_the_first_batch_and_finishes_with_the_last(receiver: MailReceiver) -> None:
    mailing = submit(addresses(20), per_batch=10, transferred=False)
    data = protocol.encode_batch(mailings.table(addresses(10)))
    intake.store_batch(mailing.key, 0, data)
    send()
    assert len(receiver.messages) == 10
    assert status(mailing).state == MailingState.RUNNING


def test_the_window_of_a_batch_is_as_large_as_the_last_one_of_the_batch_before(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    commit = ledger.commit

    def counted(
        batch: Batch, outcomes: list[entries.Outcome], attempts: list[entries.Attempt]
    ) -> ledger.Grant:
        sizes.append(len(attempts))
        return commit(batch, outcomes, attempts)

    monkeypatch.setattr(ledger, "commit", counted)
    monkeypatch.setattr(window, "AIM", 1_000.0)  # however slow it is
    first = submit(addresses(140), per_batch=70)
    send()
    second = submit(addresses(70))
    send()
    assert (counts(first), counts(second)) == ({"delivered": 140}, {"delivered": 70})
    assert sizes == [10, 20, 40, 70, 10, 20, 40]


def test_it_calls_refusals_bounces_and_keeps_the_reply(receiver: MailReceiver) -> None:
    mailing = submit(["ok@a.example", "reject@a.example", "rejectdata@a.example", "ok2@a.example"])
    send()
    assert counts(mailing) == {"delivered": 2, "bounced": 2}
    first, second = Intent.objects.filter(state="bounced").order_by("position")
    assert (first.code, first.reply) == ("5.1.1", "No such user")
    assert (second.code, second.reply) == ("5.7.1", "Looks like spam")


@pytest.mark.parametrize("pipelining", [True, False])
def test_it_goes_on_after_a_refusal_with_and_without_pipelining(settings: Settings, pipelining: bool) -> None:
    server = MailReceiver(pipelining=pipelining)
    server.start()
    try:
        settings.SMTP_URL = server.url
        mailing = submit(["reject1@a.example", "ok1@a.example", "defer1@a.example", "ok2@a.example"])
        send()
        assert counts(mailing) == {"delivered": 2, "bounced": 1, "deferred": 1}
        assert server.received() == ["ok1@a.example", "ok2@a.example"]
        assert server.connections == 1
    finally:
        server.stop()


def test_it_retries_a_temporary_refusal_until_the_table_ends(
    receiver: MailReceiver, settings: Settings
) -> None:
    settings.RETRY_DELAYS = [timedelta(minutes=1), timedelta(minutes=5)]
    mailing = submit(["defer@a.example", "ok@a.example"])
    send()
    for attempt in (1, 2):
        intent = Intent.objects.get(state="deferred")
        assert intent.attempts == attempt
        assert intent.due_at is not None
        assert mailing.batches.get().due_at is not None
        assert counts(mailing) == {"delivered": 1, "deferred": 1}
        assert status(mailing).counts.attempted == 2
        make_due(mailing)
        send()
    assert counts(mailing) == {"delivered": 1, "bounced": 1}
    assert Intent.objects.get(state="bounced").attempts == 3
    assert len(receiver.refused) == 3
    assert status(mailing).state == MailingState.FINISHED


def test_it_retries_nobody_before_the_time(receiver: MailReceiver) -> None:
    mailing = submit(["defer@a.example"])
    send()
    Batch.objects.update(due_at=mailing.batches.get().received_at)
    send()
    assert len(receiver.refused) == 1
    due_at, retry_at = mailing.batches.get().due_at, Intent.objects.get().due_at
    assert due_at is not None
    assert retry_at is not None
    assert abs(due_at - retry_at) < timedelta(seconds=1)


def test_it_retries_nobody_of_a_paused_mailing(receiver: MailReceiver) -> None:
    mailing = submit(["deferdata@a.example"])
    send()
    control(mailing, 1, Desired.PAUSE)
    make_due(mailing)
    send()
    assert len(receiver.refused) == 1
    control(mailing, 2, Desired.RUN)
    send()
    assert len(receiver.refused) == 2


def test_it_calls_a_line_cut_after_the_dot_unknown_and_never_tries_again(receiver: MailReceiver) -> None:
    people = addresses(30)
    people[7:7] = ["dropafterdot1@a.example"]
    people[20:20] = ["dropafterdot2@a.example"]
    mailing = submit(people)
    send()
    make_due(mailing)
    send()
    assert counts(mailing) == {"delivered": 30, "unknown": 2}
    assert sorted(receiver.received()) == sorted(people)
    assert status(mailing).state == MailingState.FINISHED


def test_it_sends_again_what_a_cut_before_the_dot_left_and_defers_what_always_cuts(
    settings: Settings,
) -> None:
    with ScriptedServer(lambda line: CUT if "cut@" in line else None) as server:
        settings.SMTP_URL = server.url
        mailing = submit(["ok1@a.example", "cut@a.example", "ok2@a.example"])
        send()
        # The hold is over; the next attempt of what was cut is not due yet.
        Pace.objects.update(free_at=Now())
        send()
        assert counts(mailing) == {"delivered": 2, "deferred": 1}
        assert server.accepted == ["ok1@a.example", "ok2@a.example"]
        assert not delivering._stumbles


def test_it_holds_while_the_mail_server_sends_everybody_away(settings: Settings) -> None:
    said = ["421 4.3.2 Overloaded"]
    with ScriptedServer(lambda line: said[0] if said and line.startswith("RCPT") else None) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(3))
        send()
        held = status(mailing).held
        assert held is not None
        assert "4.3.2 Overloaded" in held.reason
        assert counts(mailing) == {"waiting": 3}
        said.clear()
        make_due(mailing)
        send()
        assert counts(mailing) == {"delivered": 3}
        assert status(mailing).held is None


def test_it_holds_while_the_mail_server_is_away_and_goes_on_by_itself(receiver: MailReceiver) -> None:
    mailing = submit(addresses(20))
    receiver.stop()
    send()
    held = status(mailing).held
    assert held is not None
    assert f"127.0.0.1:{receiver.port} can't be reached" in held.reason
    assert counts(mailing) == {"waiting": 20}
    assert status(mailing).state == MailingState.RUNNING
    receiver.start()
    make_due(mailing)
    send()
    assert counts(mailing) == {"delivered": 20}
    assert status(mailing).held is None
    assert sorted(receiver.received()) == sorted(addresses(20))


def test_it_suppresses_a_duplicate_address_however_it_is_written(receiver: MailReceiver) -> None:
    people = ["Bob@Bücher.example", "bob@xn--bcher-kva.example", "ok@a.example", "OK@A.example"]
    mailing = submit([*people, '"ok"@a。example'], per_batch=3)
    send()
    assert counts(mailing) == {"delivered": 2, "suppressed": 3}
    assert {intent.code for intent in Intent.objects.filter(state="suppressed")} == {"duplicate"}
    assert sorted(receiver.received()) == ["Bob@xn--bcher-kva.example", "ok@a.example"]


def test_it_contacts_nobody_on_the_suppression_list(receiver: MailReceiver) -> None:
    suppressing.add(["OK3@Customers.example"], reason="added")
    mailing = submit(addresses(5))
    send()
    assert counts(mailing) == {"delivered": 4, "suppressed": 1}
    assert "ok3@customers.example" not in receiver.received()


def test_while_the_suppression_list_cannot_be_read_nobody_is_contacted(receiver: MailReceiver) -> None:
    suppressing.add(["ok3@customers.example"], reason="added")
    mailing = submit(addresses(5))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cloud_suppression RENAME TO out_of_reach")
        with pytest.raises(ProgrammingError):
            delivering.step()
        cursor.execute("ALTER TABLE out_of_reach RENAME TO cloud_suppression")
    assert receiver.received() == []
    leases.wake(Batch.objects.filter(mailing=mailing))
    send()
    assert counts(mailing) == {"delivered": 4, "suppressed": 1}


def test_it_does_not_retry_somebody_who_unsubscribed_meanwhile(receiver: MailReceiver) -> None:
    mailing = submit(["defer@a.example"])
    send()
    suppressing.add(["defer@a.example"], reason="unsubscribed")
    make_due(mailing)
    send()
    assert counts(mailing) == {"suppressed": 1}
    assert len(receiver.refused) == 1
    assert status(mailing).counts.attempted == 1


def test_a_template_that_fails_for_one_costs_only_that_one(receiver: MailReceiver) -> None:
    mailing = submit(addresses(3), names=["Ann", None, "Cid"])
    send()
    assert counts(mailing) == {"delivered": 2, "render_errors": 1}
    intent = Intent.objects.get(state="render_errors")
    assert '"first_name" is missing or empty' in intent.reply
    assert intent.recipient_id == "1"


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 2**63 - 1, 0], pa.timestamp("us")),
        pa.array([0, -(2**63), 0], pa.timestamp("us", tz="UTC")),
        pa.array([0, 2**31 - 1, 0], pa.date32()),
        pa.array([[0], [2**63 - 1], [0]], pa.list_(pa.timestamp("us"))),
    ],
)
def test_a_value_that_nobody_can_read_costs_only_its_recipient(
    receiver: MailReceiver, values: pa.Array
) -> None:
    people = mailings.table(addresses(3)).append_column("valid_to", values)
    mailing = submit_table(people)
    send()
    assert counts(mailing) == {"delivered": 2, "render_errors": 1}
    intent = Intent.objects.get(state="render_errors")
    assert intent.reply == 'a value is out of range: column "valid_to"'
    assert (intent.recipient_id, intent.address) == ("1", "ok1@customers.example")


def test_a_price_of_single_precision_is_sent_as_it_was_written(receiver: MailReceiver) -> None:
    people = mailings.table(addresses(2)).append_column("price", pa.array([19.99, 0.1], pa.float32()))
    submit_table(people, template=protocol.TemplateSource(subject="{{ price }}", html="", text="{{ price }}"))
    send()
    subjects = {email.message_from_bytes(content)["Subject"] for _, _, content in receiver.messages}
    assert subjects == {"19.99", "0.1"}


def test_an_address_too_long_for_any_mail_server_is_withheld(receiver: MailReceiver) -> None:
    endless = secrets.token_hex(4000) + "@a.example"
    mailing = submit([endless, "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "suppressed": 1}
    assert Intent.objects.get(state="suppressed").code == "invalid"
    with pytest.raises(protocol.AddressInvalid):
        suppressing.add([endless], reason="added")


@pytest.mark.parametrize("dot", [".", "\u3002", "\uff0e", "\uff61"])
def test_nobody_is_two_people_by_a_dot_at_the_end(receiver: MailReceiver, dot: str) -> None:
    mailing = submit(["ann@customers.example", f"ann@customers.example{dot}"])
    send()
    assert counts(mailing) == {"delivered": 1, "suppressed": 1}
    assert Intent.objects.get(state="suppressed").code == "invalid"


def test_a_mistake_of_ours_stops_the_mailing_instead_of_coming_back_for_ever(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = submit(addresses(3))

    def wrong(*_: object) -> None:
        raise AttributeError("a mistake")

    with monkeypatch.context() as patched:
        patched.setattr(preparing, "attempts", wrong)
        for _ in range(delivering.MISTAKES):
            assert status(mailing).stopped is None
            with pytest.raises(AttributeError):
                delivering.step()
            leases.wake(Batch.objects.filter(mailing=mailing))
        send()
    stopped = status(mailing).stopped
    assert stopped is not None
    assert stopped.code == "internal"
    assert "AttributeError" in stopped.reason
    control(mailing, 1, Desired.RUN)
    send()
    assert counts(mailing) == {"delivered": 3}


def test_a_statement_that_the_database_does_not_take_is_a_mistake_of_ours(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django calls a key that no index can hold an OperationalError, as it does a database that is away."""
    for limit in ("LONGEST_ADDRESS", "LONGEST_NAME"):
        monkeypatch.setattr(protocol.addresses, limit, 1_000_000)
    mailing = submit([secrets.token_hex(4000) + "@a.example"])
    for _ in range(delivering.MISTAKES):
        with pytest.raises(OperationalError):
            delivering.step()
        leases.wake(Batch.objects.filter(mailing=mailing))
    stopped = status(mailing).stopped
    assert stopped is not None
    assert stopped.code == "internal"


@pytest.mark.parametrize(
    "address",
    [
        "no address",
        None,
        "a@b@c.example",
        "two words@a.example",
        "a>b@a.example",
        "x@a.example\r\nRCPT TO:<y@z>",
        "@a",
    ],
)
def test_what_is_no_address_is_withheld(receiver: MailReceiver, address: str | None) -> None:
    mailing = submit([address, "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "suppressed": 1}
    assert receiver.received() == ["ok@a.example"]


def test_it_sends_to_names_in_other_scripts_where_the_server_takes_them(receiver: MailReceiver) -> None:
    mailing = submit(["δοκιμή@παράδειγμα.example"])
    send()
    assert counts(mailing) == {"delivered": 1}
    assert receiver.received() == ["δοκιμή@xn--hxajbheg2az3al.example"]


def test_after_a_pause_is_acknowledged_only_counted_intents_arrive(receiver: MailReceiver) -> None:
    receiver.slowness = 0.05
    people = addresses(400, "slow")
    mailing = submit(people, per_batch=100)
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    receiver.wait_for(30)
    answer = control(mailing, 1, Desired.PAUSE)
    at_most = answer.counts.delivered + answer.counts.in_flight
    worker.join(20)
    assert len(receiver.messages) <= at_most
    settled = counts(mailing)
    assert settled.keys() == {"delivered", "waiting"}
    assert settled["delivered"] == len(receiver.messages)
    assert answer.state == status(mailing).state == MailingState.PAUSED
    send()
    assert counts(mailing) == settled
    receiver.slowness = 0
    control(mailing, 2, Desired.RUN)
    send()
    assert counts(mailing) == {"delivered": 400}
    assert sorted(receiver.received()) == sorted(people)


def test_a_cancel_leaves_the_rest_not_sent(receiver: MailReceiver) -> None:
    receiver.slowness = 0.05
    mailing = submit([*addresses(5, "defer"), *addresses(100, "slow")])
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    receiver.wait_for(10)
    control(mailing, 1, Desired.CANCEL)
    worker.join(20)
    arrived = len(receiver.messages)
    assert arrived < 100
    assert counts(mailing) == {"delivered": arrived, "not_sent": 105 - arrived}
    control(mailing, 2, Desired.RUN)
    make_due(mailing)
    send()
    assert len(receiver.messages) == arrived
    assert status(mailing).state == MailingState.CANCELLED


def test_what_a_killed_sender_left_is_unknown_and_the_rest_is_sent(receiver: MailReceiver) -> None:
    mailing = submit(addresses(50))
    mailings.leave_in_flight(mailing, 7)
    assert counts(mailing) == {"in_flight": 7, "waiting": 43}
    send()
    assert counts(mailing) == {"unknown": 7, "delivered": 43}
    assert sorted(receiver.received()) == sorted(addresses(50)[7:])
    assert status(mailing).counts.attempted == 50


def test_what_a_killed_sender_of_a_cancelled_mailing_left_becomes_unknown(receiver: MailReceiver) -> None:
    mailing = submit(addresses(5))
    mailings.leave_in_flight(mailing, 2)
    control(mailing, 1, Desired.CANCEL)
    assert counts(mailing) == {"in_flight": 2, "not_sent": 3}
    send()
    assert counts(mailing) == {"unknown": 2, "not_sent": 3}
    assert receiver.messages == []


def test_a_sender_that_slept_past_its_lease_writes_nothing(receiver: MailReceiver) -> None:
    mailing = submit(addresses(5))
    stale = mailings.leave_in_flight(mailing, 2)
    assert delivering.step()
    before = list(Intent.objects.order_by("position").values_list("position", "state", "reply"))
    for write in (
        lambda: ledger.commit(stale, [], [entries.Attempt(4, "4", "new@a.example", "new@a.example")]),
        lambda: ledger.settle(stale, [entries.Outcome(0, "delivered")], []),
        lambda: ledger.let_go(stale, pending=True),
        lambda: ledger.take_stock(stale),
        lambda: ledger.look(stale),
    ):
        with pytest.raises(leases.LeaseLost):
            write()
    assert list(Intent.objects.order_by("position").values_list("position", "state", "reply")) == before
    assert counts(mailing) == {"unknown": 2, "delivered": 3}


def test_a_sender_whose_batch_was_taken_stops_sending(receiver: MailReceiver) -> None:
    receiver.slowness = 0.1
    mailing = submit(addresses(100, "slow"))
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    receiver.wait_for(3)
    leases.wake(Batch.objects.filter(mailing=mailing))
    worker.join(10)
    assert len(receiver.messages) <= 3 + 5  # one look every 0.2 s
    receiver.slowness = 0
    send()
    numbers = counts(mailing)
    assert numbers["unknown"] <= window.FIRST * 2
    assert numbers["unknown"] + numbers["delivered"] == 100
    assert len(set(receiver.received())) == len(receiver.messages)


def test_a_worker_that_is_to_end_takes_back_what_it_did_not_begin(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.slowness = 0.05
    mailing = submit(addresses(100, "slow"))
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    receiver.wait_for(3)
    begun = time.monotonic()
    draining.ask()
    try:
        worker.join(10)
    finally:
        draining._worker_ends[0] = 0
    assert time.monotonic() - begun < 2
    numbers = counts(mailing)
    assert numbers == {"delivered": len(receiver.messages), "waiting": 100 - len(receiver.messages)}
    assert numbers["waiting"] > 0
    receiver.slowness = 0
    send()
    assert counts(mailing) == {"delivered": 100}


def test_a_batch_of_a_long_mailing_is_handed_back_after_a_step(
    receiver: MailReceiver, settings: Settings
) -> None:
    settings.SENDING_STEP = 0.3
    receiver.slowness = 0.05
    mailing = submit(addresses(40, "slow"))
    assert delivering.step()
    assert 0 < counts(mailing)["waiting"] < 40
    assert mailing.batches.get().leased_until is None
    send()
    assert counts(mailing) == {"delivered": 40}


def test_a_database_that_goes_away_makes_nothing_unknown(receiver: MailReceiver) -> None:
    """The connection is cut in the middle of a window: what was sent is recorded once the database is back."""
    receiver.slowness = 0.02
    mailing = submit(addresses(100, "slow"))
    worker = threading.Thread(target=in_a_thread, args=(until_all_are_sent,))
    worker.start()
    for count in (5, 20, 40):
        receiver.wait_for(count)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    worker.join(20)
    assert counts(mailing) == {"delivered": 100}
    assert sorted(receiver.received()) == sorted(addresses(100, "slow"))


def test_a_database_that_was_away_is_asked_as_soon_as_it_is_back(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool waits twice as long before each try; who took its place would find what we know to be unknown."""
    mailing = submit(addresses(1))
    pools = [connection.pool]  # type: ignore[attr-defined]
    settle = ledger.settle

    def away_once(*told: object) -> object:
        if len(pools) == 1:
            pools.append(None)
            raise OperationalError("gone")
        pools.append(connection.pool)  # type: ignore[attr-defined]
        return settle(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "settle", away_once)
    send()
    assert counts(mailing) == {"delivered": 1}
    assert pools[0].closed
    assert pools[2] is not pools[0]


def until_all_are_sent() -> None:
    """What Celery does: a task that fails is logged, and the next wake-up tries again."""
    while True:
        try:
            if not delivering.step():
                return
        except OperationalError:
            connection.close()


def in_a_thread(function: Callable[[], object]) -> None:
    """Run it and close the thread's connection, which no test could drop its database under otherwise."""
    try:
        function()
    finally:
        connection.close()
