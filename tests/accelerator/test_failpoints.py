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
    "jobs.granting.grant": "in the transaction of whoever grants: ask.before, grant.before",
    "jobs.control._ask": "the transaction of ask.before, which stands where an Ask is stored",
    "jobs.control.ask_if_offered": "the transaction of ask.before, as well",
    "jobs.control.create": "in the transaction of the launch: launch.before",
    "jobs.results.facts.store": "in the transaction of whoever pulls: events.before",
    "accelerator.cloud.inbound.taking.prove": "what a service says, and says again if nobody answers",
    "accelerator.cloud.events.append": "in the transaction of the fact it tells of; a hit's own is behind hit.after",
    "accelerator.cloud.events.stamp_all": "in the transaction of hold.before",
    "accelerator.cloud.restoring.notice": "the transaction of hold.before",
    "jobs.restoring.notice": "the transaction of review.before",
    "jobs.stages.initializing._fail": "the transaction of failed.before",
    "jobs.stages.processing._refused": "the transaction of halt.before",
    "jobs.stages.rates.tell": "what the Cloud says of a rate, which it says again; rated.after stands before it",
    "jobs.steps._try_again": "counts attempts; where it gives up, failed.before and halt.before",
    "jobs.stages.collecting._forgotten": "the move of completed.before, of a Job that the Cloud has forgotten",
    "jobs.stages.collecting._known_after_all": "what the Cloud has against all we know, and says again",
    "jobs.notices._hand_over": "says that the mail server is away; what hands over is before notice.handing_over",
    "jobs.stages.leftovers.clear": "that the list of dropped rows is gone; who clears again says it again",
    "jobs.stages.initializing._tell": "progress, which is told again",
    "jobs.stages.initializing._wait": "says that the warehouse is away, and is told again",
    "jobs.stages.following.wait": "says that the Cloud is away, and is told again",
    "jobs.results.facts.recount": "a person's command, which makes the same numbers any number of times",
    "jobs.retention._forget": "that sentences are deleted, which is found again; no sender is near",
    "accelerator.cloud.retention._forget": "tidying, piece by piece, which is found again; nobody of it is sent to",
    "accelerator.demo.seed.seed": "the demo world, before anything runs",
}
# Statements that are a commit of their own, wherever they are not in a transaction: each function, with the reason why
# it has no place. Of a single statement there is no half; before and behind it stand the places of whoever calls.
SINGLE = {
    # In the transaction of whoever calls.
    "accelerator.cloud.events.stamp": "stamp.before",
    "accelerator.cloud.events.stamp_all": "hold.before",
    "accelerator.cloud.events._number": "stamp.before",
    "accelerator.cloud.intake.control": "apply.before",
    "accelerator.cloud.intake._store": "store.before",
    "accelerator.cloud.ledger.look": "intents.before",
    "accelerator.cloud.releasing._release": "freed.before",
    "accelerator.cloud.senders.me": "stock.before",
    "accelerator.cloud.senders.nameless": "stock.before",
    "accelerator.cloud.hits.keeping._prove": "hit.before, and it only reads",
    "accelerator.cloud.hits.telling._intents": "told.before, and it only reads",
    "accelerator.cloud.hits.telling._scanned": "told.before, and it only reads",
    "accelerator.cloud.retention._delete": "tidying, piece by piece, which is found again",
    "accelerator.cloud.senders.look": "that a process is gone, which is seen again",
    "accelerator.cloud.senders.declare": "a person's word, who sees whether it was heard",
    "accelerator.cloud.entries.record": "settle.before",
    "accelerator.cloud.locking.share": "intents.before",
    "accelerator.cloud.entries.copy": "intents.before",
    "accelerator.cloud.entries._insert_rows": "intents.before",
    "accelerator.cloud.entries.reclaim": "intents.before",
    "accelerator.cloud.entries._prove": "settle.before, stock.before, objection.before",
    "accelerator.cloud.locking.alone": "accept.before, apply.before",
    "accelerator.cloud.pacing.reserve": "intents.before",
    "accelerator.cloud.pacing.change": "rate.before, apply.before",
    "accelerator.cloud.domains.change": "rate.before",
    "accelerator.cloud.domains.use": "intents.before",
    "accelerator.cloud.domains._saved": "intents.before, release.before",
    "accelerator.cloud.pacing.give_back": "intents.before",
    "accelerator.cloud.suppressing.enter": "objection.before, listed.before, settle.before",
    "accelerator.cloud.suppressing.take_back": "listed.before",
    "accelerator.cloud.tallying.Tally.write": "intents.before, settle.before, stock.before",
    "accelerator.leases.wake": "apply.before, grant.before",
    "jobs.control._begin_anew": "ask.before, confirm.before",
    "jobs.lifecycle.begin": "launch.before",
    "jobs.granting.store": "ask.before",
    "jobs.rating.store": "rating.before",
    "jobs.pausing.resume": "that it was done, which shows on each Job as well",
    "jobs.releasing.ask_again": "released.before stands before it, and the Cloud says it again",
    "jobs.rating.settle": "what the Cloud says of a rate, which it says again",
    "jobs.rating.renumber": "a number above the Cloud's, which is found again",
    "jobs.rating.learn": "counts.before; what the Cloud goes by, which it says again",
    "jobs.lifecycle.fence": "ask.before, grant.before",
    "jobs.lifecycle.notify": "grant.before, failed.before",
    "jobs.lifecycle.due": "launch.before, freeze.before",
    "jobs.stages.controlling._renumber": "renumber.before",
    # It only reads.
    "accelerator.cloud.intake._named": "store.before",
    "accelerator.cloud.entries.suppress": "intents.before",
    # Said again by whoever finds it again.
    "accelerator.cloud.guarding.hold": "why a mailing waits; the next look says it anew",
    "accelerator.cloud.guarding.clear_hold": "that it does not wait any more; the next look says it anew",
    "accelerator.cloud.guarding.stop": "that it is stopped; whoever goes on meets the same refusals",
    "accelerator.cloud.pacing.rest": "a pause in sending, which a restart begins anew",
    "accelerator.cloud.links.link_key": "the key of links, made once by whoever comes first",
    "accelerator.cloud.signing.remember": "a request that was seen; who repeats it signs anew",
    "accelerator.cloud.signing.forget_old_nonces": "tidying",
    "accelerator.leases.renew": "a lease; who is killed before it has a shorter one",
    "accelerator.leases.finish": "step.done and release.before stand before it, and the lease ends by itself",
    "accelerator.pulses.beat": "a pulse, which beats again",
    "accelerator.pulses.forget": "tidying",
    "accelerator.pulses.swept": "tidying",
    "jobs.results.facts.forget_recipients": "that ids are deleted, which is found again",
    "campaigns.retention.sweep": "tidying",
    "accelerator.cloud.events.page": "how far a client has read, which it says again",
    "accelerator.cloud.ledger.forget": "tidying, in the transaction of whoever forgets",
    "accelerator.cloud.ledger.prove": "in the transaction of the event that proves it",
    "accelerator.cloud.retention._forget": "tidying, piece by piece, which is found again",
    "accelerator.cloud.retention._note_ends": "since when a mailing is over, which is seen again",
    "jobs.steps._run": "a count of attempts begins anew",
    # A person's, who sees whether it was done, and does it again.
    "accelerator.doctor.storage._round": "a file to try the storage with",
    "campaigns.forms.AudienceForm.save": "planning",
    "campaigns.samples.refresh": "planning",
    "campaigns.views.audiences._form": "planning",
    "campaigns.views.audiences._preview": "planning",
    "campaigns.views.campaigns._form": "planning",
    "campaigns.views.sending_profiles._form": "planning",
    "campaigns.views.templates._form": "planning",
    "jobs.admin.warehouse_form.WarehouseForm.save": "planning",
    "jobs.restoring.reviewed": "a review, which can be said again",
    "jobs.suppressing._change": "who changed the list, before the Cloud is asked: listed.before",
    # Before the freeze, in a folder that the next attempt clears.
    "jobs.spool.Writer._store": "extraction.reading",
    "jobs.spool.keep_dropped": "extraction.reading, extraction.spooled",
    "jobs.spool.without": "extraction.reading, extraction.spooled",
    # In a warehouse, to which nothing is ever written: guards, and the beginning of a reading transaction.
    "jobs.reading.duckdb.connector.Stream.attach": "extraction.reading",
    "jobs.warehouses.postgresql.session.begin": "extraction.reading",
    "jobs.warehouses.redshift.connector.Stream.__init__": "extraction.reading",
    "jobs.warehouses.redshift.roles.check": "extraction.reading",
}
# A commit of its own that has a place.
SINGLE_WITH_PLACE = {"jobs.control.delete"}
WRITING = ("create", "bulk_create", "bulk_update", "delete", "get_or_create", "update_or_create")
STATEMENT = re.compile(r"INSERT|UPDATE|DELETE|COPY|^[A-Z]+$")
# Rooms without a person's data, and those that only measure or show.
NOT_LOOKED_AT = ("migrations", "benches", "demo", "embedded")
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


def writes(node: ast.AST) -> bool:
    """Whether it is a statement to the database, or a file put into the storage."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    whose = ast.unparse(node.func.value)
    if node.func.attr == "save":
        return True
    if node.func.attr == "update" and node.keywords and not node.args:
        return True
    if node.func.attr in WRITING:
        return bool(re.search(r"objects|rows|filter|_manager|_mine|steps", whose))
    said = ast.unparse(node.args[0]) if node.args else ""
    return node.func.attr in ("execute", "executemany", "copy") and bool(STATEMENT.search(said))


def alone(node: ast.AST, where: str) -> Iterator[str]:
    """Every function that writes outside of a transaction of its own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.With) and any(opens(item.context_expr) for item in child.items):
            continue
        inner = f"{where}.{child.name}" if isinstance(child, ast.FunctionDef | ast.ClassDef) else where
        if writes(child):
            yield where
        yield from alone(child, inner)


def test_no_single_statement_is_a_commit_without_a_reason() -> None:
    found: set[str] = set()
    for room in ROOMS:
        for file in (CHECKOUT / room).rglob("*.py"):
            if not set(NOT_LOOKED_AT) & set(file.parts):
                module = ".".join(file.relative_to(CHECKOUT).with_suffix("").parts)
                found |= set(alone(ast.parse(file.read_text()), module))
    assert found == set(SINGLE) | SINGLE_WITH_PLACE


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
