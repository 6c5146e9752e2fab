"""`manage.py up`: run everything on this machine, until Ctrl-C."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from accelerator.demo import people
from accelerator.embedded.up import up


class Command(BaseCommand):
    help = (
        "Runs everything on this machine until Ctrl-C: PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL "
        "name them), dashboard, Cloud, workers, and a mail receiver that plays the outside world. PORT chooses "
        "the ports (PORT to PORT+3; 8000), HOST the address (127.0.0.1), DATA_DIR the folder (.data)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--restored",
            action="store_true",
            help="the data folder was put back from an older copy: hold everything for review (manage.py restored) "
            "before anything is sent",
        )

    def handle(self, *_: object, **options: Any) -> None:
        sys.exit(up(settings.DATA_DIR, people.described, restored=options["restored"]))
