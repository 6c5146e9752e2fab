"""`manage.py seed_demo`: makes the demo world, once. `manage.py up` runs it."""

from django.conf import settings
from django.core.management.base import BaseCommand

from accelerator.demo.seed import seed


class Command(BaseCommand):
    help = "Makes the demo world where it is missing: warehouse, people, audiences, campaigns."

    def handle(self, *_: object, **__: object) -> None:
        seed(settings.DATA_DIR, self.stdout.write)
