"""`manage.py returned` of the Cloud: takes in mails that came back, from a mail server's pipe or a mailbox."""

import mailbox
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection

from accelerator.cloud import ledger
from accelerator.cloud.inbound import taking

# What says to a mail server that it shall bring the mail again (sysexits.h: EX_TEMPFAIL).
LATER = 75
# Bytes of a mail that are read: what a report says stands before the message that it gives back.
MOST = 10_000_000
SEEN = "S"  # a Maildir's flag; an mbox has R for it
SEEN_IN_MBOX = "R"


class Command(BaseCommand):
    help = (
        "Takes in mails that came back: reports that a message was not delivered, complaints, unsubscribes by mail. "
        "From standard input one mail, as a mail server pipes it (it is told by status 75 to bring it again later); "
        "with --mailbox all unread ones of a Maildir or an mbox, which stay there and are marked as read."
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
            self._read(_open(options["mailbox"]))
            return
        mail = sys.stdin.buffer.read(MOST)
        while sys.stdin.buffer.read(MOST):  # whoever pipes would call it an error if we went before the end
            pass
        try:
            self.stdout.write(f"{taking.take(mail, ' '.join(options['recipient']))}.")
        except ledger.InFlight:
            self._later("It is not known yet what came of the message: bring this mail again.")
        except Error as error:
            self._later(f"The database is away ({type(error).__name__}): bring this mail again.")
        finally:
            connection.close()

    def _later(self, why: str) -> None:
        self.stderr.write(why)
        sys.exit(LATER)

    def _read(self, box: mailbox.Maildir | mailbox.mbox) -> None:
        told: Counter[str] = Counter()
        box.lock()
        try:
            for key in box.keys():  # noqa: SIM118  what is in it is changed meanwhile
                try:
                    self._take(box, key, told)
                except Error as error:
                    raise CommandError(
                        f"The database is away ({type(error).__name__}). What was taken in is marked as read; call this"
                        " again for the rest."
                    ) from error
        finally:
            box.flush()
            box.unlock()
            box.close()
        for what, count in sorted(told.items()):
            self.stdout.write(f"{count:,} x {what}.")
        self.stdout.write(f"{sum(told.values()):,} unread mails were looked at.")

    def _take(self, box: mailbox.Maildir | mailbox.mbox, key: Any, told: Counter[str]) -> None:
        message = box[key]
        seen = SEEN if isinstance(message, mailbox.MaildirMessage) else SEEN_IN_MBOX
        if seen in message.get_flags():
            return
        try:
            told[taking.take(box.get_bytes(key)[:MOST])] += 1
        except ledger.InFlight:
            told["not known yet what came of the message: it stays unread, for the next time"] += 1
            return
        if isinstance(message, mailbox.MaildirMessage):
            message.set_subdir("cur")
        message.add_flag(seen)
        box[key] = message


def _open(path: Path) -> mailbox.Maildir | mailbox.mbox:
    if path.is_dir() and (path / "new").is_dir():
        return mailbox.Maildir(path, create=False)
    if path.is_file():
        return mailbox.mbox(path, create=False)
    raise CommandError(f"{path} is no Maildir and no mbox.")
