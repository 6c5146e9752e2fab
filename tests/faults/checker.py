"""Compares receiver, Cloud and dashboard after a run and asserts the invariants from outside.

    python -m tests.faults.checker DATA_DIR

works on any house whose Jobs are at rest, running or ended; exit code 1 if a promise was not kept. The invariants are
those of GOALS.md; each rule says its number. Nothing of the product's own counting is used.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg

from accelerator.embedded.postgres import Postgres
from tests.faults import answered, contacts, gathering, intents, judging, lives, stories
from tests.faults.evidence import Evidence
from tests.faults.judging import Violation

RULES = (*contacts.RULES, *intents.RULES, *answered.RULES, *stories.RULES, *lives.RULES)


def violations(evidence: Evidence) -> list[Violation]:
    """Every promise that was not kept."""
    view = judging.view(evidence)
    return [violation for rule in RULES for violation in rule(view)]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.checker", description="Checks a finished house."
    )
    parser.add_argument("folder", metavar="DATA_DIR", type=Path)
    folder = parser.parse_args().folder.absolute()
    with awake(folder):
        evidence = gathering.gather(folder)
    found = violations(evidence)
    for violation in found:
        print(violation)  # noqa: T201
    print(f"{len(evidence.jobs)} jobs, {len(evidence.received)} acceptances, {len(found)} violations")  # noqa: T201
    return 1 if found else 0


@contextlib.contextmanager
def awake(folder: Path) -> Iterator[None]:
    """The databases of an ended house run meanwhile."""
    url = gathering.environment(folder)["DATABASE_URL"]
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        postgres = Postgres(folder)
        postgres.start()
        try:
            yield
        finally:
            postgres.stop()
    else:
        yield


if __name__ == "__main__":
    sys.exit(main())
