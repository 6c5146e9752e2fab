"""Runs a check in a copy of the checkout, and says what it found: only a test that fails, or a promise that a case of
tests/faults saw broken, is a find. A check that could not be run has found nothing."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.mutants.mutant import CLOUD

FAULTS = "faults: "

# Seconds that a check may take; a case of tests/faults brings up a whole house.
LIMIT, LIMIT_OF_FAULTS = 600.0, 1_200.0
GRACE = 30.0

# A mutant that is no program: whatever meets it fails, and that proves nothing.
NO_PROGRAM = re.compile(r"(NameError|ImportError|ModuleNotFoundError|SyntaxError|IndentationError)\b")


class Kind(Enum):
    """What a check can come to."""

    PASSES = "passes"
    FAILS = "fails"
    ERRS = "errs in a fixture"
    HANGS = "hangs"
    BROKEN = "could not be run"


@dataclass(frozen=True)
class Found:
    """What a check came to, and where."""

    kind: Kind
    where: str = ""

    @property
    def caught(self) -> bool:
        """Whether that is a find, given that the same check passes without the mutant; a slow machine hangs too."""
        return self.kind in (Kind.FAILS, Kind.ERRS)

    def __str__(self) -> str:
        return self.where if self.kind is Kind.FAILS else f"{self.where} ({self.kind.value})"


def run(copy: Path, check: str, limit: float | None = None) -> Found:
    """Run one check to its end, or to its limit (seconds)."""
    faults = check.startswith(FAULTS)
    if faults:
        command = [sys.executable, "-m", "tests.faults", "--only", check.removeprefix(FAULTS)]
    else:
        command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", check]
        if check.startswith(CLOUD):
            command.append("--ds=accelerator.cloud.settings")
    # Whatever a developer's shell says of services is for the developer's own tests.
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "USER") if name in os.environ
    }
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=kept | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit or (LIMIT_OF_FAULTS if faults else LIMIT))
    except subprocess.TimeoutExpired:
        _end(process)
        return Found(Kind.HANGS, check)
    read = of_faults if faults else of_pytest
    return read(check, process.returncode, said)


def of_pytest(check: str, code: int, said: str) -> Found:
    """What a run of pytest came to."""
    if code == 0:
        return Found(Kind.PASSES, check)
    failed = re.search(r"^FAILED (.+?)(?: - (.*))?$", said, re.MULTILINE)
    erred = re.search(r"^ERROR (\S+::.+?)(?: - (.*))?$", said, re.MULTILINE)
    found = failed or erred
    if code != 1 or found is None or NO_PROGRAM.match(found[2] or ""):
        return Found(Kind.BROKEN, f"{check}: exit code {code}, {_short(said)}")
    return Found(Kind.FAILS if failed else Kind.ERRS, found[1])


def of_faults(check: str, code: int, said: str) -> Found:
    """What a run of tests/faults came to. A case that failed without a broken promise has found nothing."""
    if code == 0:
        return Found(Kind.PASSES, check)
    seen = re.search(r"^.+?: (invariant \d+), .*$", said, re.MULTILINE)
    if code != 1 or seen is None:
        return Found(Kind.BROKEN, f"{check}: exit code {code}, {_short(said)}")
    return Found(Kind.FAILS, f"{check}: {seen[1]}")


def _short(said: str) -> str:
    """The end of it, in a line."""
    return " ".join(said[-300:].split())


def _end(process: "subprocess.Popen[str]") -> None:
    """With all that it has started: first so that it may tidy up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE)
            return
