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


@pytest.mark.parametrize("word", ["busy", "busydata"])
def test_it_hangs_up_when_it_is_busy(mail_receiver: MailReceiver, word: str) -> None:
    with smtplib.SMTP(mail_receiver.host, mail_receiver.port, timeout=10) as connection:
        with pytest.raises(smtplib.SMTPException) as refusal:
            connection.sendmail("sender@example.com", [f"{word}@example.com"], MESSAGE)
        assert "421" in str(refusal.value)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            connection.noop()
    assert mail_receiver.messages == []


def test_it_hangs_up_in_place_of_asking_for_the_message(mail_receiver: MailReceiver) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail_receiver, "dropatdata@example.com")
    assert mail_receiver.messages == []


def test_what_is_cut_off_is_not_heard(mail_receiver: MailReceiver) -> None:
    """Commands behind the dot after which the server hangs up."""
    with smtplib.SMTP(mail_receiver.host, mail_receiver.port, timeout=10) as connection:
        connection.ehlo()
        connection.mail("sender@example.com")
        connection.rcpt("busydata@example.com")
        connection.putcmd("DATA")
        connection.getreply()
        connection.send(MESSAGE + b".\r\nMAIL FROM:<sender@example.com>\r\nRCPT TO:<reject@example.com>\r\n")
        assert connection.getreply()[0] == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            connection.getreply()
    assert [address for address, _ in mail_receiver.refused] == ["busydata@example.com"]


def test_once_is_the_first_attempt_at_whichever_door(mail_receiver: MailReceiver) -> None:
    other = MailReceiver(beside=mail_receiver)
    other.start()
    try:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(mail_receiver, "deferonce@example.com")
        send(other, "deferonce@example.com")
        assert mail_receiver.received() == ["deferonce@example.com"]
        assert (mail_receiver.taken, other.taken) == (0, 1)
    finally:
        other.stop()


def test_a_door_for_seven_bits_takes_no_more() -> None:
    receiver = MailReceiver(eight_bit=False)
    receiver.start()
    try:
        with smtplib.SMTP(receiver.host, receiver.port, timeout=10) as connection:
            connection.ehlo()
            assert not connection.has_extn("8bitmime")
            with pytest.raises(smtplib.SMTPDataError):
                connection.sendmail("sender@example.com", ["ok@example.com"], MESSAGE + "Zoë\r\n".encode())
    finally:
        receiver.stop()
    assert receiver.messages == []


def test_it_comes_back_on_the_same_port(mail_receiver: MailReceiver) -> None:
    port = mail_receiver.port
    mail_receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mail_receiver, "ok@example.com")
    mail_receiver.start()
    send(mail_receiver, "ok@example.com")
    assert (mail_receiver.port, mail_receiver.received()) == (port, ["ok@example.com"])
