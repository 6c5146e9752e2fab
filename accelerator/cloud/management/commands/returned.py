"""`manage.py returned` of the Cloud: takes in mails that came back, from a mail server's pipe or a mailbox."""

import contextlib
import mailbox
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from accelerator.cloud import ledger
from accelerator.cloud.inbound import taking

# What says to a mail server that it shall bring the mail again (sysexits.h: EX_TEMPFAIL). It sends a mail to whoever
# the mail came from at any other status than 0.
LATER = 75
# Bytes of a mail that are read: what a report says stands before the message that it gives back.
MOST = 4_000_000
# How a Maildir's file is named that was read, and where it lies then.
FLAGS, SEEN = ":2,", "S"

EARLY = "not known yet what came of the message: it stays unread, for the next time"
UNREADABLE = "could not be taken in, and stays unread"

# A mail, and how it is marked as read.
Unread = tuple[bytes, Callable[[], object]]


class Command(BaseCommand):
    help = (
        "Takes in mails that came back: reports that a message was not delivered, complaints, unsubscribes by mail. "
        "From standard input one mail, as a mail server pipes it (it is told by status 75 to bring it again later); "
        "with --mailbox all unread ones of a Maildir, which stay there and are marked as read, or all of an mbox, "
        "which is only read: what was taken in before is nothing new."
    )
    # They would read every page of the Cloud, each time.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "recipient", nargs="*", help="whom the mail is for, as the mail server was told (the envelope)"
        )
        parser.add_argument("--mailbox", type=Path, help="a Maildir (a folder) or an mbox (a file)")

    def handle(self, *_: object, **options: Any) -> None:
        if options["mailbox"] is not None:
            self._read(options["mailbox"])
        else:
            self._take(" ".join(options["recipient"]))

    def _take(self, recipients: str) -> None:
        status, said = 0, ""
        try:
            mail = sys.stdin.buffer.read(MOST)
            while sys.stdin.buffer.read(
                MOST
            ):  # whoever pipes would call it an error if we went before the end
                pass
            said = f"{taking.take(mail, recipients)}."
        except ledger.InFlight:
            status, said = LATER, "It is not known yet what came of the message: bring this mail again."
        except Exception as error:  # noqa: BLE001  whatever it is, nobody else has what the mail says
            status, said = LATER, f"It can't be recorded now ({type(error).__name__}): bring this mail again."
        finally:
            connection.close()
        with contextlib.suppress(OSError):  # nobody needs to hear it
            (self.stderr if status else self.stdout).write(said)
            self.stdout.flush()
        if status:
            sys.exit(status)

    def _read(self, path: Path) -> None:
        told: Counter[str] = Counter()
        try:
            for mail, done in _unread(path):
                told[_taken(mail, done)] += 1
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from error
        finally:
            connection.close()
            for what, count in sorted(told.items()):
                self.stdout.write(f"{count:,} x {what}.")
            self.stdout.write(f"{sum(told.values()):,} mails were looked at.")
        failed = sum(count for what, count in told.items() if what.startswith(UNREADABLE))
        if failed:
            raise CommandError(f"{failed:,} of them could not be taken in: call this again.")


def _taken(mail: bytes, done: Callable[[], object]) -> str:
    try:
        said = str(taking.take(mail))
    except ledger.InFlight:
        return EARLY
    except Exception as error:  # noqa: BLE001  one mail keeps no other from being read
        connection.close()
        return f"{UNREADABLE} ({type(error).__name__})"
    done()
    return said


def _unread(path: Path) -> Iterator[Unread]:
    if (path / "new").is_dir():
        return _unread_of_maildir(path)
    if path.is_file():
        return _all_of_mbox(path)
    raise CommandError(f"{path} is no Maildir and no mbox.")


def _unread_of_maildir(folder: Path) -> Iterator[Unread]:
    """Others may read and move mails meanwhile: then theirs is the mark."""
    for file in sorted([*(folder / "new").iterdir(), *(folder / "cur").iterdir()]):
        name, _, flags = file.name.partition(FLAGS)
        if SEEN in flags or file.name.startswith("."):
            continue
        seen = folder / "cur" / f"{name}{FLAGS}{''.join(sorted({*flags, SEEN}))}"
        try:
            mail = _beginning(file)
        except FileNotFoundError:
            continue
        yield mail, lambda file=file, seen=seen: _rename(file, seen)  # type: ignore[misc]


def _rename(file: Path, seen: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        file.rename(seen)


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MOST)


def _all_of_mbox(file: Path) -> Iterator[Unread]:
    """Never written to: a mail server may deliver into it at any moment."""
    with contextlib.closing(mailbox.mbox(file, create=False)) as box:
        for key in box.keys():  # noqa: SIM118  a mailbox is no dictionary
            yield box.get_bytes(key)[:MOST], lambda: None
