"""What `launch` and `job` have in common: --by, --wait, --until, --json, and the exit code they come to."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accelerator.management import STOPPED, Failed, telling, watching
from jobs import states
from jobs.models import Job
from jobs.states import State

UNTIL = {
    "completed": states.TERMINAL,
    "collecting": states.TERMINAL | {State.COLLECTING},
    "paused": states.TERMINAL | {State.PAUSED},
}


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "--by",
        metavar="USERNAME",
        help="in whose name (default: $USER's, if somebody here has that username and may; else the only "
        "superuser's)",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="follow the Job until it is Completed or Failed; Ctrl-C stops watching",
    )
    parser.add_argument(
        "--until",
        choices=list(UNTIL),
        help="follow it until it is Collecting, or Paused, if that comes first (after --pause: paused)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def waits(options: Mapping[str, Any]) -> bool:
    """Whether the Job is to be followed."""
    return bool(options["wait"] or options["until"])


def report(
    command: BaseCommand, job: Job, options: Mapping[str, Any], *, until: str, ends_well: bool
) -> None:
    """Follow the Job if that was asked, and tell how it stands. Raises Failed if it failed under our eyes.

    `until`: where to follow it to, unless --until says so. `ends_well`: Failed is what was wanted, by a cancel.
    """
    if not waits(options):
        tell(command, job, options)
        return
    screen = watching.Screen.of(command.stderr if options["json"] else command.stdout)
    try:
        job = watching.follow(job.pk, UNTIL[options["until"] or until], screen)
    except KeyboardInterrupt:
        screen.close()
        command.stderr.write(
            f"Stopped watching; the Job goes on. To watch it again: manage.py job {job.pk} --wait", str
        )
        sys.exit(STOPPED)
    tell(command, job, options)
    if job.state == State.FAILED and not ends_well:
        raise Failed(job.failure_sentence)


def say(command: BaseCommand, options: Mapping[str, Any], sentence: str) -> None:
    """A sentence for the person; beside the document, where there is one."""
    if options["json"]:
        command.stderr.write(sentence, str)
    else:
        command.stdout.write(sentence)


def tell(command: BaseCommand, job: Job, options: Mapping[str, Any], **more: object) -> None:
    """The Job as it stands, as lines or as the document with `more` in it."""
    if options["json"]:
        command.stdout.write(json.dumps(telling.document(job) | more))
    else:
        for line in telling.lines(job):
            command.stdout.write(line)
