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
from accelerator.cloud.inbound import taking, verp
from accelerator.cloud.models import Intent, Mailing
from accelerator.marks import MarkUnusable
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
    assert "It can't be recorded now (ProgrammingError)" in said
    assert states() == ["delivered"] * 3


def test_so_it_is_whatever_goes_wrong(
    contents: list[bytes], pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server takes every other status for a reason to give up."""

    def broken(*_: object) -> None:
        raise MarkUnusable("The mark can't be read.")

    with monkeypatch.context() as patched:
        patched.setattr(taking, "take", broken)
        assert pipe(bounce(contents[0]))[0] == 75
    assert pipe(bounce(contents[0]), "b\udcff@returns.example")[0] == 0


def test_what_was_recorded_is_taken_whoever_hears_it(contents: list[bytes]) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bounce(contents[0]))))
        call_command("returned", stdout=Closed())
    assert states()[0] == "bounced"


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
        "3 mails were looked at.",
    ]
    assert states() == ["bounced", "delivered", "bounced"]
    # An mbox is never written to.
    again = (
        ["0 mails were looked at."]
        if box.kind is mailbox.Maildir
        else ["1 x no report and no unsubscribe.", "2 x nothing new.", "3 mails were looked at."]
    )
    assert box.read() == again
    # Nothing is thrown away, and nothing of it changed but that it was read.
    with box.opened() as kept:
        mails = sorted((kept.get_bytes(key) for key in kept.keys()), key=len)  # noqa: SIM118
        assert {"S"} == {kept[key].get_flags() for key in kept.keys()} or box.kind is mailbox.mbox  # noqa: SIM118
    assert [mail.count(b"Hello") for mail in mails] == [1, 0, 0]
    assert [b"multipart/report" in mail for mail in mails] == [False, True, True]
    box.fill(bounce(contents[1]))
    assert box.read()[0] == "1 x a message came back, its recipient is bounced."
    assert states() == ["bounced"] * 3


def test_what_comes_too_early_stays_unread(box: Box, receiver: MailReceiver) -> None:
    mailing = submit(addresses(1))
    batch = leave_in_flight(mailing, 1)
    box.fill(bounce(b"", header=f"List-Unsubscribe: <{links.Links(batch.pk, 0).unsubscribe_url}>"))
    assert box.read() == [
        "1 x not known yet what came of the message: it stays unread, for the next time.",
        "1 mails were looked at.",
    ]
    send()
    assert box.read()[0] == "1 x a message came back, its recipient is bounced."
    assert counts(Mailing.objects.get()) == {"bounced": 1}


def test_where_the_database_goes_away_they_stay_unread(box: Box, contents: list[bytes]) -> None:
    box.fill(plain(to="news@shop.example"), bounce(contents[0]), bounce(contents[1]))
    with away(), pytest.raises(CommandError, match="2 of them could not be taken in: call this again"):
        box.read()
    assert "2 x a message came back, its recipient is bounced." in box.read()
    assert states() == ["bounced", "bounced", "delivered"]


# What the standard library's parser, or its generator, fails at.
HOSTILE = (
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)),
    b"Content-Type: message/rfc822\n\n" * 3_000,
    b"Content-Transfer-Encoding: base64\n\n" + "é".encode("latin-1") * 80,
    b"Subject: " + b" a" * 20_000 + b"\n\n",
)


@pytest.mark.parametrize("mail", HOSTILE, ids=("multiparts", "messages", "8 bit", "words"))
def test_one_mail_keeps_no_other_from_being_read(box: Box, contents: list[bytes], mail: bytes) -> None:
    box.fill(mail + bounce(contents[0])[:0], bounce(contents[1]))
    assert box.read()[-1] == "2 mails were looked at."
    assert states() == ["delivered", "bounced", "delivered"]


def test_what_others_read_or_move_meanwhile_is_theirs(
    tmp_path: Path, contents: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(mailbox.Maildir, tmp_path / "box")
    box.fill(bounce(contents[0]), bounce(contents[1]))
    take = taking.take

    def moved(mail: bytes) -> taking.Taken:
        for file in (tmp_path / "box" / "new").iterdir():
            file.rename(tmp_path / "box" / "cur" / f"{file.name}:2,FS")
        return take(mail)

    monkeypatch.setattr(taking, "take", moved)
    assert box.read()[-1] == "1 mails were looked at."
    assert len(list((tmp_path / "box" / "cur").iterdir())) == 2
    assert states().count("bounced") == 1


def test_what_is_no_mailbox_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CommandError, match="no Maildir and no mbox"):
            call_command("returned", "--mailbox", str(path))
