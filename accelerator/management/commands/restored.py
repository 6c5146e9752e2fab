"""`manage.py restored`: declares that the database was restored from an older copy, or that this was reviewed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accelerator.marks import Generating
from jobs import restoring


class Command(BaseCommand):
    help = (
        "Declares that the dashboard's database was restored from an older copy, where the high-water mark of this "
        "host (MARKS) could not notice it: every Job that is not at rest is held for review, and no campaign is "
        "launched until --reviewed. The Cloud's database has the same command, with "
        "DJANGO_SETTINGS_MODULE=accelerator.cloud.settings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reviewed",
            action="store_true",
            help="it is known what was launched since the copy was made: campaigns can be launched again",
        )

    def handle(self, *_: object, **options: Any) -> None:
        if options["reviewed"]:
            was = restoring.reviewed()
            self.stdout.write(
                "Campaigns can be launched again." if was else "Nothing was held: campaigns can be launched."
            )
            return
        jobs = restoring.hold(Generating.Cause.DECLARED)
        for job in jobs:
            self.stdout.write(f"  {job.pk}  {job.request_id or 'no Request ID':<30}  {job.name}")
        self.stdout.write(
            f"{len(jobs)} Jobs are held: each is Paused once the Cloud has confirmed. Campaigns that were launched"
            " since the copy was made are not known here: compare with the mail server's log, then say"
            " manage.py restored --reviewed."
        )
