"""`manage.py warehouse test`: tries Warehouses out and says in sentences how they are."""

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accelerator.management import Failed, Usage, finding
from jobs.models import Warehouse
from jobs.warehouses import trial
from jobs.warehouses.trial import ANSWERS, FAILS, UNSAFE, Trial

LONGEST = 86_400  # seconds; nobody waits for a day
STYLES = {ANSWERS: "SUCCESS", UNSAFE: "ERROR", FAILS: "ERROR"}


class Command(BaseCommand):
    help = (
        "warehouse test NAME: connects to a Warehouse as an extraction does, and says how long it took to be answered, "
        "what its role may do beside reading, or what is wrong and what to do. A role that could do harm is refused, "
        "and the statements are shown that make a right one. It changes nothing and prints no secret. Exit codes: 0 "
        "all answer (there may be warnings), 1 one does not, or is refused, 2 usage."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["test"], help="what is done with it")
        parser.add_argument("names", metavar="NAME", nargs="*", help="which Warehouses; without one, all")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of the lines")
        parser.add_argument(
            "--within",
            metavar="SECONDS",
            type=_seconds,
            default=trial.WITHIN,
            help=f"how long to wait for an answer (default: {trial.WITHIN:.0f}; some services have to wake first)",
        )

    def handle(self, *_: object, **options: Any) -> None:
        with finding.database():
            chosen = [finding.warehouse(name) for name in options["names"]] or list(Warehouse.objects.all())
        if not chosen:
            raise Usage("There is no warehouse yet: an admin enters one at /admin/.")
        trials = trial.tried(chosen, within=options["within"])
        if options["json"]:
            told = [document(one) for one in trials]
            self.stdout.write(json.dumps({"ok": all(one.answers for one in trials), "warehouses": told}))
        else:
            for one in trials:
                self.tell(one)
        if not all(one.answers for one in trials):
            raise Failed(_failed(trials))

    def tell(self, one: Trial) -> None:
        style = getattr(self.style, STYLES[one.outcome])
        self.stdout.write(f"{style(one.warehouse.name)}  ({one.warehouse.get_kind_display()})")
        for sentence in (one.sentence, *one.warnings, *filter(None, [one.advice])):
            self.stdout.write(f"  {sentence}")
        if one.statements:
            self.stdout.write(
                "  These statements make a right role; then name it in the location, with its secret.\n"
            )
            self.stdout.write(one.statements)


def document(one: Trial) -> dict[str, object]:
    """For programs."""
    return {
        "name": one.warehouse.name,
        "kind": one.warehouse.kind,
        "outcome": one.outcome,
        "seconds": one.seconds,
        "sentence": one.sentence,
        "warnings": one.warnings,
        "statements": one.statements,
    }


def _seconds(text: str) -> float:
    """For argparse. Raises ArgumentTypeError for what nobody can wait."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= LONGEST:  # which "nan" is not, either
        raise ArgumentTypeError(f'"{text}" is no number of seconds above 0 and up to {LONGEST}')
    return found


def _failed(trials: list[Trial]) -> str:
    names = ", ".join(one.warehouse.name for one in trials if not one.answers)
    return f"Nothing can be launched from: {names}."
