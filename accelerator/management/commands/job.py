"""`manage.py job`: look at a Job, ask something of it or confirm its size through the door, follow it."""

import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from accelerator import storable
from accelerator.management import Refused, Usage, finding, reporting
from jobs import control
from jobs.control import AskRefused, SizeRefused
from jobs.models import Job
from jobs.states import Wish

# Characters of an id by which a Job is named well enough to ask something of it.
ENOUGH = 8

# --confirm-size without a number: the size that the Job waits with.
SHOWN = -1


class Command(BaseCommand):
    help = (
        "Shows a Job; asks to pause, resume or cancel it; confirms its size; follows it. Exit codes: 0 fine, 1 what "
        "was asked was refused, or the Job Failed while it was followed (but for a cancel asked here), 2 usage, 130 "
        "watching was stopped."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "job", metavar="ID|REQUEST_ID", help="the Job's id or its Request ID, or how one of them begins"
        )
        asks = parser.add_mutually_exclusive_group()
        for wish in Wish:
            asks.add_argument(
                f"--{wish}", dest="wish", action="store_const", const=wish, help=f"ask to {wish} it"
            )
        asks.add_argument(
            "--confirm-size",
            nargs="?",
            type=int,
            const=SHOWN,
            metavar="RECORDS",
            help="let it go on where it waits because its size is far from the last one; of any other size than "
            "RECORDS, if that is said, it is refused",
        )
        parser.add_argument("--why", metavar="TEXT", default="", help="the reason, for the timeline")
        parser.add_argument(
            "--yes", action="store_true", help="cancel, or confirm the size, without asking again"
        )
        reporting.add_arguments(parser)

    def handle(self, *_: object, **options: Any) -> None:
        with finding.database():
            by = finding.named(options["by"]) if options["by"] else None
            seen = Job.objects.visible_to(by) if by else Job.objects.all()
            wish: Wish | None = options["wish"]
            size: int | None = options["confirm_size"]
            job = finding.job(options["job"], seen, least=1 if wish is None and size is None else ENOUGH)
            if size is not None:
                self.confirm_size(job, size, by, options)
                job.refresh_from_db()
            if wish is None:
                if size is not None and not (reporting.waits(options) or options["json"]):
                    return
                reporting.report(self, job, options, until="completed", ends_well=False)
                return
            self.ask(job, wish, by, options)
            job.refresh_from_db()
            until = "paused" if wish is Wish.PAUSE else "completed"
            if reporting.waits(options) or options["json"]:
                reporting.report(self, job, options, until=until, ends_well=wish is Wish.CANCEL)

    def ask(self, job: Job, wish: Wish, by: User | None, options: dict[str, Any]) -> None:
        """Ask and print the acknowledgement. Raises Refused with the door's sentence."""
        by = by or actor(job)
        if wish is Wish.CANCEL and wish in control.offers(job) and not options["yes"]:
            self.confirm(job)
        try:
            why = storable.text(options["why"])
            acknowledgement = control.ask(job, wish, by=by, seen=job.version, why=why)
        except AskRefused as refusal:
            if options["json"]:
                reporting.tell(self, Job.objects.get(pk=job.pk), options, refused=str(refusal))
            raise Refused(str(refusal)) from refusal
        reporting.say(self, options, acknowledgement.message)

    def confirm_size(self, job: Job, size: int, by: User | None, options: dict[str, Any]) -> None:
        """Confirm the size that was said, or the one that is shown and said yes to. Raises Refused, Usage."""
        by = by or actor(job)
        if size == SHOWN and job.awaits_confirmation:
            size = job.size_found or 0
            if not options["yes"]:
                self.stderr.write(control.size_question(job), str)
                if not sys.stdin.isatty():
                    raise Usage(
                        f"Nobody can be asked here: confirm it with --confirm-size {size}, or with --yes."
                    )
                self.yes(f"Go on with {size:,} recipients?", "Nothing was confirmed.")
        try:
            message = control.confirm_size(job, by=by, size=size)
        except SizeRefused as refusal:
            if options["json"]:
                reporting.tell(self, Job.objects.get(pk=job.pk), options, refused=str(refusal))
            raise Refused(str(refusal)) from refusal
        reporting.say(self, options, message)

    def confirm(self, job: Job) -> None:
        """What a cancel would and would not stop, and a yes to it. Raises Usage, Refused."""
        for sentence in control.cancel_warning(job):
            self.stderr.write(sentence, str)
        if not sys.stdin.isatty():
            raise Usage("Nobody can be asked here: confirm the cancel with --yes.")
        self.yes("Cancel the Job?", "Nothing was cancelled.")

    def yes(self, question: str, otherwise: str) -> None:
        """Whoever sits there says yes. Raises Refused."""
        self.stderr.write(f"{question} Type yes: ", str, "")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("yes", "y"):
            raise Refused(otherwise)


def actor(job: Job) -> User:
    """In whose name, where nobody is named: somebody who sees the Job. Raises Usage."""
    return finding.actor(None, lambda person: Job.objects.visible_to(person).filter(pk=job.pk).exists())
