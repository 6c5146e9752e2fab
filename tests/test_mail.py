"""The mail server that tests send to does what its addresses say."""

import smtplib

import pytest

from tests.mail import MailReceiver

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"


def send(receiver: MailReceiver, *recipients: str) -> None:
    with smtplib.SMTP(receiver.host, receiver.port, timeout=10) as connection:
        connection.sendmail("sender@example.com", list(recipients), MESSAGE)


def test_it_records_what_it_accepts(mail_receiver: MailReceiver) -> None:
    send(mail_receiver, "ok.alice@example.com", "bob@example.com")
    assert mail_receiver.messages == [
        ("sender@example.com", "ok.alice@example.com", MESSAGE),
        ("sender@example.com", "bob@example.com", MESSAGE),
    ]
    assert mail_receiver.sources == ["127.0.0.1", "127.0.0.1"]
    assert mail_receiver.callers == {"127.0.0.1": 1}


@pytest.mark.parametrize(("address", "code"), [("defer@example.com", 451), ("reject@example.com", 550)])
def test_it_refuses_recipients(mail_receiver: MailReceiver, address: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(mail_receiver, address)
    assert refusal.value.recipients[address][0] == code
    assert mail_receiver.messages == []


@pytest.mark.parametrize(
    ("address", "code"), [("deferdata@example.com", 451), ("rejectdata@example.com", 554)]
)
def test_it_refuses_messages(mail_receiver: MailReceiver, address: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        send(mail_receiver, address)
    assert refusal.value.smtp_code == code
    assert mail_receiver.messages == []


def test_it_hangs_up_after_recording(mail_receiver: MailReceiver) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail_receiver, "dropafterdot@example.com")
    assert mail_receiver.received() == ["dropafterdot@example.com"]


def test_it_hangs_up_before_recording(mail_receiver: MailReceiver) -> None:
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(mail_receiver, "dropbeforedot@example.com")
    assert mail_receiver.messages == []


def test_it_comes_back_on_the_same_port(mail_receiver: MailReceiver) -> None:
    port = mail_receiver.port
    mail_receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mail_receiver, "ok@example.com")
    mail_receiver.start()
    send(mail_receiver, "ok@example.com")
    assert (mail_receiver.port, mail_receiver.received()) == (port, ["ok@example.com"])
