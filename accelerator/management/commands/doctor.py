"""`manage.py doctor`: looks at every part and says how it is."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accelerator.doctor import (
    Finding,
    Verdict,
    broker,
    cloud,
    database,
    mail,
    settings,
    static,
    storage,
    warehouses,
    working,
)
from accelerator.doctor.examination import Look, examine, healthy
from accelerator.management import quietly

STYLES = {Verdict.OK: "SUCCESS", Verdict.ATTENTION: "WARNING", Verdict.BROKEN: "ERROR"}


WIDTH = 22

# What is looked at, in this order.
LOOKS: dict[str, Look] = {
    "settings": settings.look,
    "database": database.look,
    "broker": broker.look,
    "workers": working.look,
    "cloud": cloud.look,
    "mail server": mail.look,
    "warehouses": warehouses.look,
    "storage": storage.look,
    "static files": static.look,
}


class Command(BaseCommand):
    help = (
        "Looks at every part - settings, database, broker, workers, Cloud, mail server, warehouses, storage, static "
        'files - and says of each in a line whether it is "ok", needs "attention" or is "broken", what that means and '
        "what to do. It changes nothing, sends nothing, waits for nobody longer than a few seconds, and prints no "
        "password and no address. Exit codes: 0 nothing is broken, 1 something is."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of the lines")

    def handle(self, *_: object, **options: Any) -> None:
        findings = []
        with quietly():
            for finding in examine(LOOKS):
                findings.append(finding)
                if not options["json"]:
                    self.tell(finding)
        if options["json"]:
            told = [
                {"verdict": finding.verdict, "name": finding.name, "sentence": finding.sentence}
                for finding in findings
            ]
            self.stdout.write(json.dumps({"ok": healthy(findings), "findings": told}))
        if not healthy(findings):
            self.stdout.flush()
            sys.exit(1)

    def tell(self, finding: Finding) -> None:
        style = getattr(self.style, STYLES[finding.verdict])
        self.stdout.write(f"{style(f'{finding.verdict:<9}')}  {finding.name:<{WIDTH}}  {finding.sentence}")
        self.stdout.flush()
