"""Mails that came back: whose message they are about, and what is recorded then."""

import email
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import events, ledger, links, objecting, suppressing
from accelerator.cloud.inbound import verp
from accelerator.cloud.inbound.taking import Taken, take
from accelerator.cloud.models import Batch, Intent, Mailing, Objection
from tests.accelerator.cloud.inbound.returning import bounce, complaint, plain
from tests.accelerator.cloud.mailings import addresses, counts, leave_in_flight, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

BOUNCES = "returns.shop.example"


@pytest.fixture
def sent(receiver: MailReceiver) -> bytes:
    """The message to the second recipient of a mailing, as the mail server got it."""
    submit(addresses(3))
    send()
    return message_to(receiver, "ok1@customers.example")


@pytest.fixture
def verped(settings: Settings, receiver: MailReceiver) -> tuple[str, bytes]:
    """The same where mails come back to addresses of their own: the envelope sender, the message."""
    settings.BOUNCE_DOMAIN = BOUNCES
    submit(addresses(3))
    send()
    [(sender, _, content)] = [m for m in receiver.messages if m[1] == "ok1@customers.example"]
    return sender, content


def message_to(receiver: MailReceiver, address: str) -> bytes:
    [content] = [content for _, recipient, content in receiver.messages if recipient == address]
    return content


def mailing() -> Mailing:
    return Mailing.objects.get()


def state(position: int) -> str:
    return str(Intent.objects.get(position=position).state)


def told() -> list[protocol.Event]:
    return events.page(mailing().key, 0, 100).events


def listed() -> dict[str, str]:
    return {row.address_key: row.reason for row in suppressing.page(0, 100)}


def only(name: str, message: bytes) -> str:
    """A header of which everything is gone but one line."""
    value = email.message_from_bytes(message)[name]
    return f"{name}: {value}"


# --- whose message it is ----------------------------------------------------------------------------------


def test_by_a_link_that_came_back(sent: bytes) -> None:
    report = bounce(sent, header=only("List-Unsubscribe", sent))
    assert take(report) is Taken.BOUNCED
    assert [state(n) for n in range(3)] == ["delivered", "bounced", "delivered"]
    assert take(report) is Taken.KNOWN
    assert counts(mailing()) == {"delivered": 2, "bounced": 1}
    *_, last = told()
    assert (last.kind, last.record, last.code, last.hard) == ("bounced", 1, "5.1.1", True)
    assert listed() == {"ok1@customers.example": "hard_bounce"}
    assert Intent.objects.get(position=1).reply == "No such user"


def test_by_the_message_id_and_the_address(sent: bytes) -> None:
    header = only("Message-ID", sent)
    assert take(bounce(sent, header=header, recipient="ok2@customers.example")) is Taken.STRANGE
    assert take(bounce(sent, header=header, recipient="OK1@Customers.Example")) is Taken.BOUNCED
    assert [state(n) for n in range(3)] == ["delivered", "bounced", "delivered"]


def test_of_several_mailings_to_one_address_it_is_the_one_that_the_message_id_is_of(
    receiver: MailReceiver,
) -> None:
    mailings = []
    for _ in range(3):
        mailings.append(submit(["ok1@customers.example"]))
        send()
    contents = [content for _, _, content in receiver.messages]
    header = only("Message-ID", contents[1])
    assert take(bounce(contents[1], header=header, recipient="ok1@customers.example")) is Taken.BOUNCED
    assert [counts(one) for one in mailings] == [{"delivered": 1}, {"bounced": 1}, {"delivered": 1}]


def test_by_the_address_that_it_came_back_to(verped: tuple[str, bytes]) -> None:
    sender, message = verped
    assert sender.endswith(f"@{BOUNCES}")
    assert take(bounce(message, to=sender, header="Subject: News")) is Taken.BOUNCED
    assert [state(n) for n in range(3)] == ["delivered", "bounced", "delivered"]


def test_by_the_address_on_the_envelope_in_whatever_letters(verped: tuple[str, bytes]) -> None:
    sender, message = verped
    report = bounce(message, to="postmaster@elsewhere.example", header="Subject: News")
    assert take(report) is Taken.STRANGE
    assert take(report, sender.upper()) is Taken.BOUNCED


def test_nobody_by_an_address_alone(sent: bytes) -> None:
    """Anybody could say of anybody that they are not there."""
    header = "Message-ID: <news@shop.example>\nTo: ok1@customers.example"
    assert take(bounce(sent, header=header, recipient="ok1@customers.example")) is Taken.STRANGE
    assert counts(mailing()) == {"delivered": 3}


@pytest.mark.parametrize("at", [3, 20, -12])
def test_nobody_by_what_we_did_not_sign(verped: tuple[str, bytes], at: int) -> None:
    sender, message = verped
    name, _, domain = sender.partition("@")
    place = at if at > 0 else len(name) + at
    forged = name[:place] + ("0" if name[place] != "0" else "1") + name[place + 1 :]
    report = bounce(message, to=f"{forged}@{domain}", header="Subject: News")
    assert take(report) is Taken.STRANGE
    header = re.sub(r"/u/.{5}", "/u/AAAAA", only("List-Unsubscribe", message))
    assert take(bounce(message, header=header.partition(",")[0])) is Taken.STRANGE
    assert counts(mailing()) == {"delivered": 3}


def test_an_address_of_one_kind_is_none_of_another(verped: tuple[str, bytes]) -> None:
    sender, message = verped
    assert take(plain(to="l" + sender[1:])) is Taken.NOTHING
    report = bounce(message, to="b" + unsubscribe_address(message)[1:], header="Subject: News")
    assert take(report) is Taken.STRANGE
    assert counts(mailing()) == {"delivered": 3}


@pytest.mark.parametrize("kind", ["click", "open_url"])
def test_nobody_by_links_that_people_hand_on(sent: bytes, kind: str) -> None:
    """Whoever finds a link to a shop somewhere could bounce its recipient, and for everybody who sends."""
    own = links.Links(Intent.objects.get(position=1).batch_id, 1)
    url = own.click(0, "https://shop.example/") if kind == "click" else own.open_url
    assert take(bounce(sent, header=f"Message-ID: <{'a' * 36}@shop.example>\nX-Link: {url}")) is Taken.STRANGE
    assert take(complaint(f"Subject: look\n\n{url}\n".encode())) is Taken.STRANGE
    assert counts(mailing()) == {"delivered": 3}


def test_a_mail_of_a_person_s_that_quotes_ours_is_not_ours(sent: bytes) -> None:
    """Bob sends it on to a friend, whose address is wrong: Bob is there."""
    quoted = b"Subject: Fwd: News\nMessage-ID: <1@home.example>\nFrom: bob@home.example\n\nLook!\n> " + sent
    report = bounce(quoted).replace(b"text/rfc822-headers", b"message/rfc822")
    report = report.replace(b"--=_report--", b"\r\n" + quoted.partition(b"\n\n")[2] + b"\r\n--=_report--")
    assert b"/u/" in report
    assert take(report) is Taken.STRANGE


def test_the_body_of_ours_counts_where_its_header_was_cut(sent: bytes) -> None:
    kept = only("Message-ID", sent).encode() + b"\r\n\r\n" + sent.partition(b"\r\n\r\n")[2]
    assert take(complaint(kept)) is Taken.COMPLAINED


@pytest.mark.parametrize("reported", [complaint, bounce])
def test_by_the_address_that_the_original_came_from(
    verped: tuple[str, bytes], reported: Callable[[bytes], bytes]
) -> None:
    """As the receiving server noted it, where all else was taken out."""
    sender, _ = verped
    report = reported(b"Subject: News\nTo: redacted\nReturn-Path: <%b>\n\nx" % sender.encode())
    assert take(report) in (Taken.BOUNCED, Taken.COMPLAINED)


def test_by_what_a_complaint_says_of_the_envelope(verped: tuple[str, bytes]) -> None:
    report = complaint(b"Subject: News\n\nx").replace(
        b"Version: 1", b"Version: 1\r\nOriginal-Mail-From: <%b>" % verped[0].encode()
    )
    assert take(report) is Taken.COMPLAINED


def test_who_was_reached_is_not_bounced_by_what_became_of_others(sent: bytes) -> None:
    """Their mail server handed it on, and a copy of it to an archive, which failed."""
    handed_on = b"Final-Recipient: rfc822; ok1@customers.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n\r\n"
    report = bounce(sent).replace(b"Final-Recipient:", handed_on + b"Final-Recipient:", 1)
    assert take(report) is Taken.NOTHING
    assert take(bounce(sent)) is Taken.BOUNCED


def test_who_is_not_in_a_restored_database_yet_is_asked_for_again(sent: bytes) -> None:
    """A sender writes them down as unknown, and then the mail is worth something."""
    report = bounce(sent)
    kept = Intent.objects.get(position=1)
    Intent.objects.filter(position=1).delete()
    Batch.objects.update(due_at=Now())
    with pytest.raises(ledger.InFlight):
        take(report)
    kept.save(force_insert=True)
    assert take(report) is Taken.BOUNCED


def test_of_a_link_that_names_nobody_any_more_it_is_said(sent: bytes) -> None:
    Intent.objects.filter(position=1).delete()
    assert take(bounce(sent, header=only("List-Unsubscribe", sent))) is Taken.STRANGE


# --- what is recorded -------------------------------------------------------------------------------------


def test_of_whom_nobody_knew_it_is_known_then(receiver: MailReceiver) -> None:
    submit(["dropafterdot0@customers.example"])
    send()
    assert counts(mailing()) == {"unknown": 1}
    assert take(bounce(receiver.messages[0][2])) is Taken.BOUNCED
    assert counts(mailing()) == {"bounced": 1}
    assert [event.kind for event in told()] == ["unknown", "bounced"]


def test_what_was_expected_long_ago_is_soft(sent: bytes) -> None:
    assert take(bounce(sent, status="4.4.7", words="Delivery time expired")) is Taken.BOUNCED
    *_, last = told()
    assert (last.code, last.category, last.hard) == ("4.4.7", "unreachable", False)
    assert listed() == {}


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_says_nothing_of_a_loss_is_nothing(sent: bytes, action: str) -> None:
    assert take(bounce(sent, action=action)) is Taken.NOTHING
    assert counts(mailing()) == {"delivered": 3}


def test_a_complaint(sent: bytes) -> None:
    report = complaint(sent)
    assert take(report) is Taken.COMPLAINED
    assert take(report) is Taken.KNOWN
    assert [event.kind for event in told()][-1] == "complaint"
    assert counts(mailing()) == {"delivered": 3}
    assert listed() == {"ok1@customers.example": "complained"}


def test_while_nobody_knows_what_came_of_it_the_mail_is_to_come_again() -> None:
    submit(addresses(2))
    batch = leave_in_flight(mailing(), 1)
    own = links.Links(batch.pk, 0)
    report = bounce(b"", header=f"List-Unsubscribe: <{own.unsubscribe_url}>")
    with pytest.raises(ledger.InFlight):
        take(report)
    assert counts(mailing()) == {"in_flight": 1, "waiting": 1}


def test_when_its_mailing_is_forgotten_it_is_too_late(sent: bytes) -> None:
    report = bounce(sent, header=only("List-Unsubscribe", sent))
    unsubscribe = complaint(sent)
    for batch in mailing().batches.all():
        ledger.forget(batch.pk)
    assert take(report) is Taken.LATE
    assert counts(mailing()) == {"delivered": 3}
    # Who does not want to hear of us is heard for good.
    assert take(unsubscribe) is Taken.COMPLAINED


# --- unsubscribing by mail --------------------------------------------------------------------------------


def unsubscribe_address(message: bytes) -> str:
    found = re.search(r"<mailto:([^>]+)>", email.message_from_bytes(message)["List-Unsubscribe"])
    assert found
    return found[1]


def test_a_mail_to_the_address_in_the_header_unsubscribes(verped: tuple[str, bytes]) -> None:
    _, message = verped
    address = unsubscribe_address(message)
    assert len(address.partition("@")[0]) <= 64
    assert take(b"\r\n" + plain(to=address)) is Taken.UNSUBSCRIBED
    assert take(plain(to=address)) is Taken.KNOWN
    assert listed() == {"ok1@customers.example": "unsubscribed"}
    assert objecting.stands(Intent.objects.select_related("batch").get(position=1))
    assert [event.kind for event in told()][-1] == "unsubscribe"


@pytest.mark.parametrize("name", ["To", "Cc", "Delivered-To", "x-original-to", "Envelope-To"])
def test_wherever_it_says_whom_it_is_for(verped: tuple[str, bytes], name: str) -> None:
    address = unsubscribe_address(verped[1])
    mail = plain(to="shop@elsewhere.example", **{name: f"a@b.example,\r\n\t<{address}>"})
    assert take(mail) is Taken.UNSUBSCRIBED


def test_or_the_envelope_does(verped: tuple[str, bytes]) -> None:
    mail = plain(to="shop@elsewhere.example")
    assert take(mail) is Taken.NOTHING
    assert take(mail, f"x@y.example {unsubscribe_address(verped[1])}") is Taken.UNSUBSCRIBED


def test_an_answer_that_quotes_the_message_does_not(verped: tuple[str, bytes]) -> None:
    """A person who writes to the shop stays what they are; so does one whose program says that they are away."""
    sender, message = verped
    quoted = message.partition(b"\r\n\r\n")[0]
    answer = plain(to="news@shop.example", subject="Re: News") + b"\r\n" + quoted
    assert take(answer) is Taken.NOTHING
    redirected = b"To: news@shop.example\r\n" + b"\r\n".join(
        line for line in message.split(b"\r\n") if not line.startswith(b"To:")
    )
    assert b"<mailto:l-" in redirected
    assert take(redirected) is Taken.NOTHING
    assert take(plain(to=sender, subject="I am away")) is Taken.NOTHING
    assert Objection.objects.count() == 0


@pytest.mark.parametrize("header", [{}, {"Auto_Submitted": "auto-replied", "X_Apple_Unsubscribe": "true"}])
def test_programs_that_write_for_people_unsubscribe_them(
    verped: tuple[str, bytes], header: dict[str, str]
) -> None:
    """Apple's mail program says of itself that it answers by itself, and does so when somebody presses its button."""
    assert take(plain(to=unsubscribe_address(verped[1]), **header)) is Taken.UNSUBSCRIBED


def test_a_report_that_came_there_is_about_somebody_else(verped: tuple[str, bytes]) -> None:
    address = unsubscribe_address(verped[1])
    assert take(bounce(verped[1], to=address, header="Subject: News")) is Taken.STRANGE
    assert counts(mailing()) == {"delivered": 3}
    assert listed() == {}


# --- the addresses ----------------------------------------------------------------------------------------


def test_without_a_domain_for_them_there_are_none(sent: bytes, receiver: MailReceiver) -> None:
    assert {sender for sender, _, _ in receiver.messages} == {"news@shop.example"}
    assert "mailto:" not in email.message_from_bytes(sent)["List-Unsubscribe"]


def test_each_message_has_its_own(verped: tuple[str, bytes], receiver: MailReceiver) -> None:
    assert len({sender for sender, _, _ in receiver.messages}) == 3
    assert all(len(sender.partition("@")[0]) <= 64 for sender, _, _ in receiver.messages)


@pytest.mark.parametrize("around", ["{}x@y", "x{}@y", "b{}@y", "{}", "{}.a@y", "-{}@y"])
def test_what_only_looks_like_one_is_none(verped: tuple[str, bytes], around: str) -> None:
    name = verped[0].partition("@")[0]
    assert [*verp.find(f"<{name}@anywhere.example>")]
    assert not [*verp.find(around.format(name))]


def test_no_address_is_logged(sent: bytes, caplog: Any) -> None:
    with caplog.at_level("DEBUG"):
        take(bounce(sent, header=only("List-Unsubscribe", sent), words="<ok1@customers.example> unknown"))
        take(complaint(sent))
        take(plain(to="who@knows.example"))
    assert "mailing" in caplog.text
    assert "@" not in caplog.text
