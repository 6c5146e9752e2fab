"""`manage.py returned`: one mail from a pipe, or those of a mailbox that nobody has read."""

import io
import mailbox
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accelerator.cloud import links
from accelerator.cloud.inbound import verp
from accelerator.cloud.models import Intent, Mailing
from tests.accelerator.cloud.inbound.returning import bounce, plain
from tests.accelerator.cloud.mailings import addresses, counts, leave_in_flight, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def contents(receiver: MailReceiver) -> list[bytes]:
    """Messages that were sent, by position."""
    submit(addresses(3))
    send()
    return [content for _, _, content in sorted(receiver.messages, key=lambda message: message[1])]


Pipe = Callable[..., tuple[int, str]]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Give the command a mail: its status, what it said."""

    def give(mail: bytes, *recipients: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(mail)))
        said = io.StringIO()
        try:
            call_command("returned", *recipients, stdout=said, stderr=said)
        except SystemExit as ended:
            return int(str(ended.code)), said.getvalue()
        return 0, said.getvalue()

    return give


def states() -> list[str]:
    return [*Intent.objects.order_by("position").values_list("state", flat=True)]


# --- a pipe -----------------------------------------------------------------------------------------------


def test_one_mail_from_a_pipe(contents: list[bytes], pipe: Pipe) -> None:
    assert pipe(bounce(contents[1])) == (0, "a message came back, its recipient is bounced.\n")
    assert states() == ["delivered", "bounced", "delivered"]
    assert pipe(bounce(contents[1])) == (0, "nothing new.\n")
    assert pipe(plain(to="news@shop.example")) == (0, "no report and no unsubscribe.\n")


def test_it_is_told_whom_the_mail_is_for(contents: list[bytes], pipe: Pipe, settings: Settings) -> None:
    settings.BOUNCE_DOMAIN = "returns.shop.example"
    address = verp.address(verp.BOUNCE, links.Links(Intent.objects.get(position=2).batch_id, 2))
    report = bounce(contents[0], header="Subject: News")
    assert pipe(report) == (0, "about no message of this Cloud.\n")
    assert pipe(report, address)[0] == 0
    assert states() == ["delivered", "delivered", "bounced"]


def test_a_mail_server_that_comes_too_early_is_to_come_again(pipe: Pipe, receiver: MailReceiver) -> None:
    mailing = submit(addresses(1))
    batch = leave_in_flight(mailing, 1)
    report = bounce(b"", header=f"List-Unsubscribe: <{links.Links(batch.pk, 0).unsubscribe_url}>")
    status, said = pipe(report)
    assert status == 75
    assert "bring this mail again" in said
    send()
    assert pipe(report)[0] == 0
    assert counts(mailing) == {"bounced": 1}


def test_so_it_is_while_the_database_is_away(contents: list[bytes], pipe: Pipe) -> None:
    with away():
        status, said = pipe(bounce(contents[0]))
    assert status == 75
    assert "The database is away" in said
    assert states() == ["delivered"] * 3


class away:  # noqa: N801  reads like a word
    """The ledger cannot be reached."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE cloud_intent RENAME TO elsewhere")

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO cloud_intent")


# --- a mailbox --------------------------------------------------------------------------------------------


Kind = type[mailbox.Maildir] | type[mailbox.mbox]


class Box:
    """A mailbox, which others change meanwhile: opened for each act."""

    def __init__(self, kind: Kind, path: Path) -> None:
        self.kind, self.path = kind, path
        self.fill()

    @contextmanager
    def opened(self) -> Iterator[mailbox.Mailbox[Any]]:
        with closing(self.kind(self.path)) as box:
            yield box
            box.flush()

    def fill(self, *mails: bytes) -> None:
        with self.opened() as box:
            for mail in mails:
                box.add(mail)

    def read(self) -> list[str]:
        """What the command says of it."""
        said = io.StringIO()
        call_command("returned", "--mailbox", str(self.path), stdout=said, stderr=said)
        return said.getvalue().splitlines()


@pytest.fixture(params=[mailbox.Maildir, mailbox.mbox], ids=lambda kind: kind.__name__)
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Box:
    return Box(request.param, tmp_path / "box")


def test_what_nobody_has_read_in_a_mailbox(box: Box, contents: list[bytes]) -> None:
    box.fill(bounce(contents[0]), plain(to="news@shop.example"), bounce(contents[2]))
    assert box.read() == [
        "2 x a message came back, its recipient is bounced.",
        "1 x no report and no unsubscribe.",
        "3 unread mails were looked at.",
    ]
    assert states() == ["bounced", "delivered", "bounced"]
    assert box.read() == ["0 unread mails were looked at."]
    # Nothing is thrown away, and nothing of it changed but that it was read.
    with box.opened() as kept:
        mails = sorted((kept.get_bytes(key) for key in kept.keys()), key=len)  # noqa: SIM118
    assert [mail.count(b"Hello") for mail in mails] == [1, 0, 0]
    assert [b"multipart/report" in mail for mail in mails] == [False, True, True]
    box.fill(bounce(contents[1]))
    assert box.read()[-1] == "1 unread mails were looked at."
    assert states() == ["bounced"] * 3


def test_what_comes_too_early_stays_unread(box: Box, receiver: MailReceiver) -> None:
    mailing = submit(addresses(1))
    batch = leave_in_flight(mailing, 1)
    box.fill(bounce(b"", header=f"List-Unsubscribe: <{links.Links(batch.pk, 0).unsubscribe_url}>"))
    assert box.read() == [
        "1 x not known yet what came of the message: it stays unread, for the next time.",
        "1 unread mails were looked at.",
    ]
    send()
    assert box.read()[0] == "1 x a message came back, its recipient is bounced."
    assert counts(Mailing.objects.get()) == {"bounced": 1}


def test_where_the_database_goes_away_the_rest_stays_unread(box: Box, contents: list[bytes]) -> None:
    box.fill(plain(to="news@shop.example"), bounce(contents[0]), bounce(contents[1]))
    with away(), pytest.raises(CommandError, match="call this again for the rest"):
        box.read()
    assert box.read()[-1] in ("2 unread mails were looked at.", "3 unread mails were looked at.")
    assert states() == ["bounced", "bounced", "delivered"]


def test_what_is_no_mailbox_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CommandError, match="no Maildir and no mbox"):
            call_command("returned", "--mailbox", str(path))
