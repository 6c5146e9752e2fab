"""Runs cases house by house, side by side where they may, and makes the table."""

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from tests.faults.cases import SIDE_BY_SIDE, Case, Outcome
from tests.faults.houses import HOUSES
from tests.faults.judging import Violation
from tests.faults.world import World

Say = Callable[[str], object]


@dataclass
class Row:
    """What became of a case, over all its runs."""

    case: Case
    runs: int = 0
    violations: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.violations or self.problems)

    def cells(self) -> tuple[str, str, str, str]:
        worst = f"{max(self.recoveries):.1f}" if self.recoveries else "-"
        failed = f" and {len(self.problems)} failed" if self.problems else ""
        return self.case.name, str(self.runs), f"{len(self.violations)}{failed}", worst


@dataclass
class Report:
    """The rows, and what a house as a whole violated."""

    rows: list[Row]
    of_houses: list[str] = field(default_factory=list)
    logs: Path | None = None

    @property
    def good(self) -> bool:
        return not self.of_houses and all(row.good for row in self.rows)

    def table(self) -> str:
        """For the terminal."""
        lines = [("case", "runs", "violations", "recovery (s)"), *(row.cells() for row in self.rows)]
        runs, found = sum(row.runs for row in self.rows), sum(len(row.violations) for row in self.rows)
        failed = sum(len(row.problems) for row in self.rows)
        worst = max((max(row.recoveries) for row in self.rows if row.recoveries), default=0.0)
        lines.append(
            ("total", str(runs), f"{found + len(self.of_houses)} and {failed} failed", f"{worst:.1f}")
        )
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        told = [
            " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        ]
        told.insert(1, "-" * len(told[0]))
        told.insert(-1, "-" * len(told[0]))
        told += [
            f"{row.case.name}: {sentence}" for row in self.rows for sentence in row.problems + row.violations
        ]
        told += self.of_houses
        if not self.good:
            told.append(f"Logs of what failed: {self.logs}")
        return "\n".join(told)


def run(chosen: Sequence[Case], *, runs: int, say: Say) -> Report:
    """Run the cases, `runs` times each; a house for each kind."""
    shelf = Path(tempfile.mkdtemp(prefix="faults-"))
    shelf.chmod(0o755)
    report = Report([Row(case) for case in chosen], logs=shelf)
    for name, rows in groupby(
        sorted(report.rows, key=lambda row: row.case.house), lambda row: row.case.house
    ):
        _in_house(name, list(rows), shelf / name, runs, report, say)
    if report.good:
        shutil.rmtree(shelf, ignore_errors=True)
    return report


def _in_house(name: str, rows: list[Row], folder: Path, runs: int, report: Report, say: Say) -> None:
    say(f"house {name}: starting, for {len(rows)} cases")
    began = time.monotonic()
    folder.mkdir()
    try:
        with HOUSES[name](folder) as world:
            world.plan_ahead()
            say(f"house {name}: ready after {time.monotonic() - began:.0f} s")
            for _ in range(runs):
                all_of_them(world, rows, say)
            known = {sentence for row in rows for sentence in row.violations}
            found = [str(violation) for violation in world.check()]
            report.of_houses += [f"house {name}: {sentence}" for sentence in found if sentence not in known]
    except Exception as error:  # noqa: BLE001 - whatever it was, the other houses have their turn
        (folder / "failure.txt").write_text(traceback.format_exc())
        report.of_houses.append(f"house {name} failed: {type(error).__name__}: {error}")
    say(f"house {name}: over after {time.monotonic() - began:.0f} s")


def all_of_them(world: World, rows: list[Row], say: Say, side_by_side: int = SIDE_BY_SIDE) -> None:
    """Those that may run beside others first, then the others one by one."""
    with ThreadPoolExecutor(side_by_side) as pool:
        futures = [pool.submit(_one, world, row, say) for row in rows if not row.case.alone]
        try:
            for future in as_completed(futures):
                future.result()
        except (KeyboardInterrupt, SystemExit):
            # Cases wait for what will not come; the house must not be left standing.
            world.house.stop()
            os._exit(1)
    for row in rows:
        if row.case.alone:
            _one(world, row, say)


def _one(world: World, row: Row, say: Say) -> None:
    began = time.monotonic()
    outcome, found = Outcome(()), list[Violation]()
    problems = []
    try:
        outcome = row.case.run(world)
        found = world.check(*outcome.jobs) if outcome.jobs else []
        if outcome.slow:
            problems.append(
                f"a job stood still for {outcome.recovery:.1f} s; {outcome.limit:.0f} are allowed"
            )
    except Exception as error:  # noqa: BLE001 - a case that fails is told, the others go on
        problems.append(f"{type(error).__name__}: {error}")
        _keep(world, row.case, traceback.format_exc())
    row.runs += 1
    row.violations += map(str, found)
    row.problems += problems
    if outcome.recovery is not None:
        row.recoveries.append(outcome.recovery)
    if found or problems:
        _keep(world, row.case, "\n".join([*problems, *map(str, found)]))
    told = "; ".join([*problems, *map(str, found)]) or "good"
    stood = f", stood still {outcome.recovery:.1f} s" if outcome.recovery is not None else ""
    say(f"  {row.case.name}: {told} ({time.monotonic() - began:.1f} s{stood})")


def _keep(world: World, case: Case, text: str) -> None:
    """What is known of a case that failed: its sentences, and the end of the house's log."""
    name = "".join(letter if letter.isalnum() else "-" for letter in case.name)
    log = world.house.folder / "up.log"
    last = log.read_text(errors="replace").splitlines()[-400:] if log.exists() else []
    with (world.folder / f"{name}.txt").open("a") as file:
        file.write("\n".join([text, "", *last, ""]))
