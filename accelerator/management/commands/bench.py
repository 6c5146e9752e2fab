"""`manage.py bench`: runs one benchmark, in a world of its own."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accelerator.benches import BenchFailed, Missing
from accelerator.benches.catalogue import BENCHES
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage
from accelerator.embedded import CannotStart
from accelerator.management import STOPPED, Failed, Usage, quietly

WIDTH = 12


class Command(BaseCommand):
    help = (
        "Runs a benchmark and prints what was measured, beside a reference of the same run; without a name lists the "
        "benchmarks. It brings up what it needs - databases, broker, processes - in a temporary folder on free ports, "
        "and removes it; your house and your settings are left alone. The ratio is better when it is higher: value / "
        "reference for rates, allowed / measured for times. Exit codes: 0 measured, 1 it could not be run to its "
        "end, 2 usage, or a program is missing, 130 stopped."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", nargs="?", help=f"one of: {', '.join(BENCHES)}")
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
        parser.add_argument("--rounds", type=int, metavar="N", help="how often it is measured")
        parser.add_argument(
            "--dkim", choices=("rsa", "ed25519"), help="sending: signed, beside the same unsigned"
        )
        parser.add_argument("--recipients", type=int, metavar="N", help="for how many; fewer only for trying")

    def handle(self, *_: object, **options: Any) -> None:
        if options["name"] is None:
            for name, bench in BENCHES.items():
                self.stdout.write(f"{name:<{WIDTH}}{bench.SUMMARY}")
            return
        if options["name"] not in BENCHES:
            raise Usage(f'There is no benchmark "{options["name"]}". There are: {", ".join(BENCHES)}.')
        bench = BENCHES[options["name"]]
        rounds = bench.ROUNDS if options["rounds"] is None else options["rounds"]
        recipients = bench.RECIPIENTS if options["recipients"] is None else options["recipients"]
        more = {"dkim": options["dkim"]} if options["dkim"] else {}
        if more and options["name"] != "sending":
            raise Usage("--dkim belongs to the benchmark sending.")
        if rounds < 1 or recipients < 1:
            raise Usage("--rounds and --recipients are at least 1.")
        try:
            with quietly(), Stage() as stage:
                result = bench.run(stage, self.say, rounds=rounds, recipients=recipients, **more)
        except Missing as error:
            raise Usage(str(error)) from error
        except (BenchFailed, CannotStart) as error:
            raise Failed(str(error)) from error
        except KeyboardInterrupt:
            self.say("stopped; everything is removed")
            sys.exit(STOPPED)
        self.tell(result, as_json=options["json"])

    def say(self, text: str) -> None:
        """How far it is: beside the result, which programs read."""
        self.stderr.write(text, str)
        self.stderr.flush()

    def tell(self, result: Result, *, as_json: bool) -> None:
        document = result.document()
        if as_json:
            self.stdout.write(json.dumps(document))
            return
        for name, value in document.items():
            self.stdout.write(f"{name:<20}{value}")
