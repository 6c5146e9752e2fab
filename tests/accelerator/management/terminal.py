"""Runs a command as a shell does, and keeps what it said."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError


@dataclass(frozen=True)
class Said:
    """The exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object on the last line."""
        document: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return document


def run(*command: str) -> Said:
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command(*command, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(f"{type(error).__name__}: {error}\n")
    except SystemExit as end:
        code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Keyboard:
    """A terminal at which somebody types `answer`, when `first` has happened."""

    answer: str
    first: Callable[[], object] = lambda: None

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        self.first()
        return f"{self.answer}\n"
