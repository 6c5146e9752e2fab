"""The lines that a sender keeps: how many, and what it does while the mail server makes it wait for one."""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from pytest_django import Settings

from accelerator import leases
from accelerator.cloud import lines, smtp, window
from accelerator.cloud.models import Batch
from tests.accelerator.cloud.mailings import addresses, counts, send, submit
from tests.accelerator.cloud.scripted import CUT, ScriptedServer
from tests.accelerator.waiting import until
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows grow on the slowest machine."""
    monkeypatch.setattr(window, "AIM", 60.0)
    monkeypatch.setattr(window, "LIMIT", 60.0)


def patient() -> bool:
    return True


def fill(count: int) -> list[smtp.Line]:
    """As many as there can be, once those that are being opened are open."""
    until(lambda: len(lines.ready(count, patient)) == count)
    return lines.ready(count, patient)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://links.example/x", "links.example"),
        ("http://localhost:8001", "localhost"),
        ("http://192.0.2.7", "[192.0.2.7]"),
        ("https://[2001:db8::7]:8001", "[IPv6:2001:db8::7]"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("", "localhost"),
    ],
)
def test_what_it_calls_itself(url: str, name: str) -> None:
    assert lines.own_name(url) == name


def test_it_waits_as_long_as_rfc_5321_wants() -> None:
    """Section 4.5.3.2: for a reply, for the go-ahead, for a piece of text to be taken, and after the final dot."""
    waits = lines._Opening()._timeouts
    assert (waits.reply, waits.data, waits.block, waits.acceptance) == (300, 120, 180, 600)


def test_what_the_lines_take_is_what_each_of_them_takes() -> None:
    def line(*, eight_bit: bool, utf8: bool) -> smtp.Line:
        ours, theirs = socket.socketpair()
        theirs.close()
        return smtp.Line(ours, smtp.Timeouts(), pipelining=True, eight_bit=eight_bit, utf8=utf8)

    with ExitStack() as stack:
        some = [
            line(eight_bit=True, utf8=False),
            line(eight_bit=False, utf8=True),
            line(eight_bit=True, utf8=True),
        ]
        for one in some:
            stack.callback(one.close)
        first, second, both = some
        assert lines.extensions([first, both]) == lines.Extensions(eight_bit=True, utf8=False)
        assert lines.extensions([second, both]) == lines.Extensions(eight_bit=False, utf8=True)
        assert lines.extensions([first, second]) == lines.Extensions(eight_bit=False, utf8=False)


def test_a_small_mailing_needs_but_one(receiver: MailReceiver) -> None:
    submit(addresses(15))
    send()
    assert (len(receiver.messages), receiver.connections) == (15, 1)


@pytest.mark.usefixtures("roomy")
def test_a_large_one_has_several_and_no_more_than_is_set(receiver: MailReceiver, settings: Settings) -> None:
    settings.SMTP_LINES = 3
    mailing = submit(addresses(600))
    send()
    assert counts(mailing) == {"delivered": 600}
    assert sorted(receiver.received()) == sorted(addresses(600))
    assert receiver.connections == 3


@pytest.mark.usefixtures("roomy")
def test_a_server_that_takes_no_more_is_sent_to_on_those_it_took(settings: Settings) -> None:
    refused: list[str] = []
    taken = threading.Lock()

    def script(line: str) -> str | None:
        if line != "GREETING" or taken.acquire(blocking=False):
            return None
        refused.append(line)
        return "421 4.7.0 too many connections"

    with ScriptedServer(script) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(300))
        send()
        assert counts(mailing) == {"delivered": 300}
        assert len(server.accepted) == 300
        assert len(refused) == 1
        mailing.refresh_from_db()
        assert mailing.held_code == ""


@pytest.mark.usefixtures("roomy")
def test_a_server_that_ends_a_line_after_some_messages_is_sent_to_on_the_next(settings: Settings) -> None:
    """As some do, by 421 to MAIL: it has had enough of the line, not of us."""
    said = threading.local()

    def script(line: str) -> str | None:
        if line == "GREETING":
            said.mails = 0
        if line.startswith("MAIL"):
            said.mails += 1
            return "421 4.7.0 too many messages on this line" if said.mails > 20 else None
        return None

    with ScriptedServer(script) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(200))
        send()
        assert counts(mailing) == {"delivered": 200}
        assert sorted(server.accepted) == sorted(addresses(200))
        mailing.refresh_from_db()
        assert mailing.held_code == ""


def test_the_batch_stays_ours_while_the_server_takes_its_time_to_greet(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SENDING_LEASE = 1
    greet, renewed = threading.Event(), 0
    renew = leases.renew

    def count(row: Batch, *, seconds: float) -> None:
        nonlocal renewed
        renewed += 1
        if renewed == 8:  # some seconds, of which the lease has one
            greet.set()
        renew(row, seconds=seconds)

    monkeypatch.setattr(leases, "renew", count)
    with ScriptedServer(lambda line: None if line != "GREETING" or greet.wait(60) else CUT) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(5))
        send()
        assert counts(mailing) == {"delivered": 5}
        assert mailing.batches.get().epoch == 1


def test_a_server_that_does_not_greet_within_a_step_holds_the_mailing(settings: Settings) -> None:
    settings.SENDING_STEP = 0.5
    greet = threading.Event()
    with ScriptedServer(lambda line: None if line != "GREETING" or greet.wait(60) else CUT) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(5))
        send()
        mailing.refresh_from_db()
        assert "has not answered yet" in mailing.held_reason
        assert counts(mailing) == {"waiting": 5}
        greet.set()
        # The line that was being opened is there by then.
        until(lambda: fill(1)[0].open)


def test_where_one_line_has_ended_the_others_are_looked_at_too(receiver: MailReceiver) -> None:
    kept = fill(3)
    receiver.stop()
    receiver.start()
    assert not set(fill(3)) & set(kept)
    assert not any(line.open for line in kept)


def test_whoever_has_no_line_is_told_why(settings: Settings) -> None:
    with ScriptedServer() as server:
        settings.SMTP_URL = server.url
    with pytest.raises(smtp.ServerAway, match="can't be reached"):
        lines.ready(1, patient)


def test_nobody_waits_longer_than_is_wanted(settings: Settings) -> None:
    greet = threading.Event()
    looks: Callable[[], bool] = iter([True, True, False]).__next__
    with ScriptedServer(lambda line: None if line != "GREETING" or greet.wait(60) else CUT) as server:
        settings.SMTP_URL = server.url
        assert lines.ready(1, looks) == []
        greet.set()
