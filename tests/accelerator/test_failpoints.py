"""Failpoints: nothing in production; with FAILPOINTS an order is obeyed once, by one process, at its place.

And no commit is without one, unless it is said why.
"""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from accelerator import failpoints
from accelerator.failpoints import PLACES

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("accelerator", "campaigns", "jobs")

# What begins a transaction, and those without a place of their own, each with the reason.
TRANSACTIONS = ("transaction.atomic", "leases.holding", "lifecycle.holding")
UNMARKED = {
    "accelerator.leases.claim": "whoever claims says so: step.claimed, take.after; a notice's claim changes nothing",
    "accelerator.leases.holding": "whoever holds has a place of his own",
    "jobs.lifecycle.holding": "whoever holds has a place of his own",
    "jobs.lifecycle.move": "in the transaction of whoever moves the Job",
    "jobs.lifecycle.grant": "in the transaction of whoever grants: ask.before, grant.before",
    "jobs.control.create": "in the transaction of the launch: launch.before",
    "jobs.results.facts.store": "in the transaction of whoever pulls: events.before",
    "accelerator.cloud.events.append": "in the transaction of the fact it tells of; a hit's own is behind hit.after",
    "accelerator.cloud.events.stamp_all": "in the transaction of hold.before",
    "accelerator.cloud.restoring.notice": "the transaction of hold.before",
    "jobs.restoring.notice": "the transaction of review.before",
    "jobs.stages.initializing._fail": "the transaction of failed.before",
    "jobs.stages.processing._refused": "the transaction of halt.before",
    "jobs.steps._try_again": "counts attempts; where it gives up, failed.before and halt.before",
    "jobs.stages.collecting._forgotten": "the move of completed.before, of a Job that the Cloud has forgotten",
    "jobs.notices._hand_over": "says that the mail server is away; what hands over is before notice.handing_over",
    "jobs.stages.initializing._tell": "progress, which is told again",
    "jobs.stages.initializing._wait": "says that the warehouse is away, and is told again",
    "jobs.stages.following.wait": "says that the Cloud is away, and is told again",
    "jobs.results.facts.recount": "a person's command, which makes the same numbers any number of times",
    "accelerator.demo.seed.seed": "the demo world, before anything runs",
}
REACH = "import sys; from accelerator import failpoints as f; [f.reached(p) for p in sys.argv[1:]]; print('lives')"


def reach(folder: Path, *places: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"FAILPOINTS": str(folder)}
    command = [sys.executable, "-c", REACH, *places]
    return subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def order(folder: Path, place: str, action: str, **more: int) -> None:
    (folder / f"{place}.json").write_text(json.dumps({"action": action} | more))


def test_they_are_nothing_unless_the_environment_says_so() -> None:
    assert "FAILPOINTS" not in os.environ
    assert failpoints.reached is failpoints._nothing


def test_each_place_is_in_the_code_once_and_none_is_there_that_is_not_told() -> None:
    found = []
    for room in ROOMS:
        for file in (CHECKOUT / room).rglob("*.py"):
            found += re.findall(r'failpoints\.reached(?:\(|, )"([a-z_.]+)"', file.read_text())
    assert sorted(found) == sorted(PLACES)


def blocks(body: list[ast.stmt], where: str) -> Iterator[tuple[str, bool]]:
    """Every block that is a transaction: the function it is in, and whether a place is in it or right behind it."""
    for statement, following in zip_longest(body, body[1:]):
        inner = where
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            inner = f"{where}.{statement.name}"
        if isinstance(statement, ast.With) and any(opens(item.context_expr) for item in statement.items):
            yield where, has_place(statement) or (following is not None and is_place(following))
        for field in ("body", "orelse", "finalbody"):
            yield from blocks(getattr(statement, field, []), inner)
        for handler in getattr(statement, "handlers", []) + getattr(statement, "cases", []):
            yield from blocks(handler.body, inner)


def opens(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Call) and ast.unparse(expression.func) in TRANSACTIONS


def has_place(node: ast.AST) -> bool:
    return any(
        ast.unparse(one) == "failpoints.reached" for one in ast.walk(node) if isinstance(one, ast.Attribute)
    )


def is_place(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and has_place(statement)


def test_no_commit_is_without_a_place_unless_it_is_said_why() -> None:
    without = set()
    for room in ROOMS:
        for file in (CHECKOUT / room).rglob("*.py"):
            if "migrations" in file.parts:
                continue
            module = ".".join(file.relative_to(CHECKOUT).with_suffix("").parts)
            without |= {
                where for where, marked in blocks(ast.parse(file.read_text()).body, module) if not marked
            }
    assert without == set(UNMARKED)


def test_a_commit_without_a_place_is_noticed() -> None:
    source = """
def marked():
    with transaction.atomic():
        write()
    failpoints.reached("x.after")
def unmarked():
    if wanted:
        with transaction.atomic(), connection.cursor() as cursor:
            write()
    failpoints.reached("y.after")
"""
    assert list(blocks(ast.parse(source).body, "m")) == [("m.marked", True), ("m.unmarked", False)]


def test_an_order_to_die_is_obeyed_at_its_place_and_once(tmp_path: Path) -> None:
    order(tmp_path, "dot.after", "kill")
    first = reach(tmp_path, "dot.before", "dot.after")
    first.communicate(timeout=30)
    assert first.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.iterdir()] == [f"dot.after.{first.pid}.done"]
    assert reach(tmp_path, "dot.after").communicate(timeout=30)[0] == "lives\n"


def test_an_order_may_let_some_pass(tmp_path: Path) -> None:
    order(tmp_path, "dot.after", "raise", skip=2)
    assert reach(tmp_path, "dot.after", "dot.after").communicate(timeout=30)[0] == "lives\n"
    assert "Fault: dot.after" in reach(tmp_path, "dot.after").communicate(timeout=30)[1]


def test_an_order_may_stand_for_several(tmp_path: Path) -> None:
    order(tmp_path, "dot.after", "raise", times=2)
    for _ in range(2):
        assert "Fault: dot.after" in reach(tmp_path, "dot.after").communicate(timeout=30)[1]
    assert reach(tmp_path, "dot.after").communicate(timeout=30)[0] == "lives\n"


def test_who_is_frozen_goes_on_when_told(tmp_path: Path) -> None:
    order(tmp_path, "freeze.before", "stop")
    frozen = reach(tmp_path, "freeze.before")
    assert os.WIFSTOPPED(os.waitpid(frozen.pid, os.WUNTRACED)[1])
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.communicate(timeout=30)[0] == "lives\n"


@pytest.mark.parametrize("action", ["", "explode"])
def test_an_order_that_is_none_does_nothing(tmp_path: Path, action: str) -> None:
    order(tmp_path, "dot.after", action)
    assert reach(tmp_path, "dot.after").communicate(timeout=30)[0] == "lives\n"
