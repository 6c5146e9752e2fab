"""`manage.py restored` of the Cloud: declares that its database was restored from an older copy."""

from typing import Any

from django.core.management.base import BaseCommand

from accelerator.cloud import restoring
from accelerator.marks import Generating


class Command(BaseCommand):
    help = (
        "Declares that the Cloud's database was restored from an older copy, where the high-water mark of this host "
        "(MARKS) could not notice it: every mailing that is not at its end is held, whoever has no outcome in it is "
        "unknown from now on, and nobody is contacted again. Call it before the senders are started."
    )

    def handle(self, *_: object, **__: Any) -> None:
        held = restoring.hold(Generating.Cause.DECLARED)
        self.stdout.write(
            f"{held} mailings are held. Senders write down whoever had no outcome as Unknown; nobody is contacted"
            " again. Their Jobs are Paused, and a resume lets them come to their end."
        )
