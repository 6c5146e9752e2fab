"""`manage.py up`: run everything on this machine, until Ctrl-C."""

import sys

from django.conf import settings
from django.core.management.base import BaseCommand

from accelerator.demo import people
from accelerator.embedded.up import up


class Command(BaseCommand):
    help = (
        "Runs everything on this machine until Ctrl-C: PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL "
        "name them), dashboard, Cloud, workers, and a mail receiver that plays the outside world. PORT chooses "
        "the ports (PORT to PORT+3; 8000), HOST the address (127.0.0.1), DATA_DIR the folder (.data)."
    )
    requires_system_checks = []

    def handle(self, *_: object, **__: object) -> None:
        sys.exit(up(settings.DATA_DIR, people.described))
