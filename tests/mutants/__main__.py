"""Sows each mutant into a copy of the checkout, runs its checks there, and prints who caught it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.sown import CLOUD, MUTANTS, Mutant

CHECKOUT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".tools", ".data", "*_cache", ".hypothesis", "__pycache__")


class NotSown(Exception):
    """The code has changed: the mutant does not fit any more."""


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if len(chosen) < len(names):
        print("no such mutant; there are:", *(mutant.name for mutant in MUTANTS), sep="\n  ")
        return 2
    rows, survivors = [], 0
    with copied() as copy:
        print(f"{len(chosen)} mutants. First, each check without one:", flush=True)
        for check in dict.fromkeys(check for mutant in chosen for check in mutant.checks):
            failed = failures(copy, check)
            print(f"  {check}: {'passes' if failed is None else 'FAILS: ' + failed}", flush=True)
            if failed is not None:
                return 1
        for mutant in chosen:
            began = time.monotonic()
            with sown(copy, mutant):
                caught = next(filter(None, (failures(copy, check) for check in mutant.checks)), None)
            survivors += caught is None
            rows.append((mutant.name, caught or "NOBODY", f"{time.monotonic() - began:.0f} s"))
            print(f"  {rows[-1][0]}: {rows[-1][1]}", flush=True)
    table(rows)
    print(f"{len(rows)} mutants, {len(rows) - survivors} caught, {survivors} survived")
    return 1 if survivors else 0


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


def failures(copy: Path, check: str) -> str | None:
    """The first test of a check that fails; None if all pass."""
    command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", check]
    if check.startswith(CLOUD):
        command.append("--ds=accelerator.cloud.settings")
    # Whatever a developer's shell says of services is for the developer's own tests.
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "USER") if name in os.environ
    }
    done = subprocess.run(
        command,
        cwd=copy,
        env=kept | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", done.stdout, re.MULTILINE)
    return (
        found[1]
        if found
        else f"{check} (exit code {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]})"
    )


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
    sys.exit(main(sys.argv[1:]))
