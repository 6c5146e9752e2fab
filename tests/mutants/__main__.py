"""Sows each mutant into a copy of the checkout, runs its checks there, and prints who caught it."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants import checks
from tests.mutants.checks import Kind
from tests.mutants.mutant import Mutant
from tests.mutants.sown import MUTANTS

CHECKOUT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".tools", ".data", "*_cache", ".hypothesis", "__pycache__")


class NotSown(Exception):
    """The code has changed: the mutant does not fit any more."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Bugs that must be caught.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these mutants only")
    parser.add_argument("--outside", action="store_true", help="by the slow checks that look from outside")
    options = parser.parse_args()
    unknown = set(options.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error("no such mutant; there are:\n  " + "\n  ".join(mutant.name for mutant in MUTANTS))
    chosen = [mutant for mutant in MUTANTS if not options.names or mutant.name in options.names]
    by = {mutant: mutant.outside if options.outside else mutant.checks for mutant in chosen}
    code = run({mutant: checks for mutant, checks in by.items() if checks})
    for mutant in chosen if options.outside else ():
        if mutant.unseen:
            print(f"{mutant.name} is not seen from outside: {mutant.unseen}")
    return code


def run(by: dict[Mutant, tuple[str, ...]]) -> int:
    """Each check without a mutant, then each mutant against its checks until one catches it."""
    rows, survivors = [], 0
    with copied() as copy:
        print(f"{len(by)} mutants. First, each check without one:", flush=True)
        for check in dict.fromkeys(check for named in by.values() for check in named):
            found = checks.run(copy, check)
            print(f"  {check}: {found.kind.value}", flush=True)
            if found.kind is not Kind.PASSES:
                print(found)
                return 1
        for mutant, named in by.items():
            began = time.monotonic()
            with sown(copy, mutant):
                caught, told = hunt(copy, named)
            survivors += not caught
            rows.append((mutant.name, told, f"{time.monotonic() - began:.0f} s"))
            print(f"  {rows[-1][0]}: {rows[-1][1]}", flush=True)
    table(rows)
    print(f"{len(rows)} mutants, {len(rows) - survivors} caught, {survivors} survived")
    return 1 if survivors else 0


def hunt(copy: Path, named: tuple[str, ...]) -> tuple[bool, str]:
    """Whether one of the checks catches what is sown, and which one, or why none."""
    told = []
    for check in named:
        found = checks.run(copy, check)
        if found.caught:
            return True, str(found)
        told.append(str(found))
    return False, f"NOBODY: {'; '.join(told)}"


@contextmanager
def copied() -> Iterator[Path]:
    """The checkout as it stands, apart from what is installed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(CHECKOUT, copy, ignore=LEFT_OUT)
        Path(folder).chmod(0o755)
        yield copy


@contextmanager
def sown(copy: Path, mutant: Mutant) -> Iterator[None]:
    """The mutant's edits, for a while. Raises NotSown."""
    files = {edit.file: (copy / edit.file).read_text() for edit in mutant.sown}
    texts = dict(files)
    for edit in mutant.sown:
        if texts[edit.file].count(edit.right) != 1:
            raise NotSown(f"{mutant.name}: {edit.file} does not have, or has twice:\n{edit.right}")
        texts[edit.file] = texts[edit.file].replace(edit.right, edit.wrong)
    write(copy, texts)
    try:
        yield
    finally:
        write(copy, files)


def write(copy: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (copy / name).write_text(text)


def table(rows: list[tuple[str, str, str]]) -> None:
    heads = ("mutant", "caught by", "after")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(3)]
    print()
    for row in (heads, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
