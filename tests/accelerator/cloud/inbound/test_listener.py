"""The listener: a mail server talks to it, in a process of its own, and what mails say is recorded."""

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accelerator.cloud import links
from accelerator.cloud.inbound import listener, speaking, verp
from accelerator.cloud.models import Intent, Mailing, Objection
from tests.accelerator.cloud.inbound.returning import bounce, complaint, plain
from tests.accelerator.cloud.mailings import addresses, counts, leave_in_flight, send, submit, wait_until
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

CHECKOUT = Path(__file__).resolve().parents[4]
BOUNCES = "returns.shop.example"
LISTENING = "Mails that came back are heard at port "


class Listener:
    """`manage.py inbound` on the test's database."""

    def __init__(self, protocol: str) -> None:
        url = urlsplit(os.environ["CLOUD_DATABASE_URL"])
        self.protocol = protocol
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "manage.py", "inbound"],
            cwd=CHECKOUT,
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
                "CLOUD_DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
                "BOUNCE_DOMAIN": BOUNCES,
                "INBOUND_URL": f"{protocol}://127.0.0.1:0",
                "INBOUND_ADDRESSES": "FBL@shop.example, postmaster@shop.example",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(LISTENING), (line, self.process.stderr and self.process.stderr.read())
        self.port = int(line.removeprefix(LISTENING).rstrip(".\n"))

    def connect(self) -> smtplib.SMTP:
        kind = smtplib.LMTP if self.protocol == "lmtp" else smtplib.SMTP
        return kind("127.0.0.1", self.port)

    def end(self) -> None:
        """Nothing of it may be left, and it may have logged no address."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            out, err = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        self.logged = out + err
        assert self.process.returncode == 0, self.logged
        assert "@" not in self.logged


Listening = Callable[[str], Listener]


@pytest.fixture
def listening() -> Iterator[Listening]:
    with ExitStack() as stack:

        def start(protocol: str) -> Listener:
            found = Listener(protocol)
            stack.callback(found.end)
            return found

        yield start


@pytest.fixture
def messages(receiver: MailReceiver, settings: Settings) -> list[tuple[str, str, bytes]]:
    settings.BOUNCE_DOMAIN = BOUNCES
    submit(addresses(3))
    send()
    return sorted(receiver.messages, key=lambda message: message[1])


def states() -> list[str]:
    return [*Intent.objects.order_by("position").values_list("state", flat=True)]


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
def test_it_takes_what_came_back(
    listening: Listening, messages: list[tuple[str, str, bytes]], protocol: str
) -> None:
    heard = listening(protocol)
    with heard.connect() as client:
        for sender, _, content in messages[:2]:
            client.sendmail("", [sender], bounce(content, to=sender, header="Subject: News"))
        client.sendmail("x@y.example", ["fbl@shop.example"], complaint(messages[2][2]))
        assert states() == ["bounced", "bounced", "delivered"]
        assert Objection.objects.get().kind == "complaint"
        # Who brings it again, because no answer came, changes nothing.
        client.sendmail("", [messages[0][0]], bounce(messages[0][2], to=messages[0][0]))
    assert counts(Mailing.objects.get()) == {"bounced": 2, "delivered": 1}
    heard.end()
    assert "nothing new" in heard.logged


def test_a_wish_to_unsubscribe(listening: Listening, messages: list[tuple[str, str, bytes]]) -> None:
    intent = Intent.objects.get(position=1)
    address = verp.address(verp.LEAVE, links.Links(intent.batch_id, 1))
    with listening("smtp").connect() as client:
        client.sendmail("bob@home.example", [address], plain(to="undisclosed-recipients:;"))
    assert Objection.objects.get().kind == "unsubscribe"
    assert Objection.objects.get().position == 1


def test_it_takes_no_mail_for_nobody_and_none_that_is_too_large(
    listening: Listening, messages: list[tuple[str, str, bytes]]
) -> None:
    sender = messages[0][0]
    forged = sender.replace(sender[10], "0" if sender[10] != "0" else "1")
    with listening("smtp").connect() as client:
        for address in ("bob@customers.example", f"bob@{BOUNCES}", forged, "postmaster@x.example"):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
                client.sendmail("", [address], b"Subject: x\r\n\r\nx")
            assert caught.value.recipients[address][0] == 550
        # One at a time, so that each has an answer of its own.
        refused = client.sendmail("", [sender, messages[1][0]], b"Subject: x\r\n\r\nx")
        assert {code for code, _ in refused.values()} == {452}
        # Mails are out that bear a domain of before.
        client.sendmail("", [sender.replace(BOUNCES, "older.example")], b"Subject: x\r\n\r\nx")
        client.sendmail("", ["Postmaster@Shop.example"], b"Subject: x\r\n\r\nx")
        assert client.esmtp_features["size"] == str(speaking.SIZE_LIMIT)
        with pytest.raises(smtplib.SMTPException):
            client.sendmail("", [sender], b"x" * 70 + b"\r\n" * speaking.SIZE_LIMIT)
    assert states() == ["delivered"] * 3


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
def test_a_mail_is_taken_as_it_was_written(
    listening: Listening, messages: list[tuple[str, str, bytes]], protocol: str
) -> None:
    """With lines of any length and dots anywhere; and what follows it is heard."""
    sender, _, content = messages[0]
    mail = bounce(content, to=sender, words="x" * 5_000 + " user unknown")
    dotted = b"\r\n.\r\n..x\r\n.\n\r\n"
    with listening(protocol).connect() as client:
        client.sendmail("", [sender], b"")
        client.sendmail("", [sender], b".")
        client.sendmail("", [sender], dotted)
        client.sendmail("", [sender], mail.replace(b"This is the mail system.", dotted))
        assert client.noop()[0] == 250
    assert states()[0] == "bounced"


def test_when_it_ends_no_mail_is_refused_for_good(
    listening: Listening, messages: list[tuple[str, str, bytes]]
) -> None:
    heard = listening("smtp")
    codes: set[int] = set()
    stop = threading.Event()

    def bring() -> None:
        sender, _, content = messages[0]
        mail = bounce(content, to=sender)
        with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected), heard.connect() as client:
            while not stop.is_set():
                try:
                    client.sendmail("", [sender], mail)
                except smtplib.SMTPResponseException as error:
                    codes.add(error.smtp_code)
                except smtplib.SMTPRecipientsRefused as error:
                    codes.update(code for code, _ in error.recipients.values())

    bringing = [threading.Thread(target=bring) for _ in range(8)]
    for thread in bringing:
        thread.start()
    wait_until(lambda: states()[0] == "bounced")
    heard.end()
    stop.set()
    for thread in bringing:
        thread.join()
    assert codes <= {421, 451}


def test_what_cannot_be_recorded_now_is_to_come_again(
    listening: Listening, receiver: MailReceiver, settings: Settings
) -> None:
    settings.BOUNCE_DOMAIN = BOUNCES
    mailing = submit(addresses(2))
    batch = leave_in_flight(mailing, 1)
    address = verp.address(verp.BOUNCE, links.Links(batch.pk, 0))
    with listening("lmtp").connect() as client:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            client.sendmail("", [address], bounce(b""))
        assert caught.value.smtp_code == 451
        send()
        assert counts(mailing) == {"unknown": 1, "delivered": 1}
        client.sendmail("", [address], bounce(b""))
    assert counts(mailing) == {"bounced": 1, "delivered": 1}


def test_while_the_table_is_locked_it_says_later(
    listening: Listening, messages: list[tuple[str, str, bytes]], settings: Settings
) -> None:
    """As with a database that is away: no mail is lost, and none is answered before it is recorded."""
    sender, _, content = messages[0]
    with listening("smtp").connect() as client:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE cloud_intent RENAME TO elsewhere")
        try:
            with pytest.raises(smtplib.SMTPDataError) as caught:
                client.sendmail("", [sender], bounce(content, to=sender))
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE elsewhere RENAME TO cloud_intent")
        assert caught.value.smtp_code == 451
        client.sendmail("", [sender], bounce(content, to=sender))
    assert states()[0] == "bounced"


def test_too_many_at_once_are_sent_away(listening: Listening) -> None:
    heard = listening("smtp")
    with ExitStack() as stack:
        for _ in range(listener.MOST_CONNECTIONS):
            stack.enter_context(heard.connect())
        with socket.create_connection(("127.0.0.1", heard.port)) as late:
            assert late.makefile().readline() == listener.BUSY.decode().replace("\r\n", "\n")
    with heard.connect() as client:
        assert client.noop()[0] == 250


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "INBOUND_URL is written smtp://address:port or lmtp://address:port"),
        ("smtp://127.0.0.1", "INBOUND_URL is written"),
        ("http://127.0.0.1:25", "INBOUND_URL is written"),
        ("smtp://127.0.0.1:x", "INBOUND_URL is written"),
        ("smtp://192.0.2.1:2525", "can't be listened at"),
    ],
)
def test_where_it_cannot_listen_it_says_so(url: str, says: str, settings: Settings) -> None:
    settings.INBOUND_URL = url
    with pytest.raises(CommandError, match=says):
        call_command("inbound")
