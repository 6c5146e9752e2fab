"""Orders for failpoints, as a process of the product obeys them."""

import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.faults.cases import NotReached
from tests.faults.orders import Orders

PLACE = "freeze.before"
REACH = """
import sys
from structlog.contextvars import bound_contextvars
from accelerator import failpoints
with bound_contextvars(job=sys.argv[1]):
    failpoints.reached(sys.argv[2])
"""


def reach(orders: Orders, job: uuid.UUID, place: str = PLACE) -> int:
    """A process at work on the Job comes to the place; how it ended."""
    return subprocess.run(
        [sys.executable, "-c", REACH, str(job), place],
        env={"FAILPOINTS": str(orders.folder)},
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
    ).returncode


def test_whoever_comes_first_obeys_and_nobody_else(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    orders.give(PLACE, "kill")
    assert reach(orders, uuid.uuid4(), "freeze.after") == 0
    assert reach(orders, uuid.uuid4()) == -signal.SIGKILL
    assert len(orders.obeyed(PLACE)) == 1
    assert orders.await_obeyed(PLACE, 1) == orders.obeyed(PLACE)[0]
    assert reach(orders, uuid.uuid4()) == 0


def test_an_order_about_a_job_waits_for_who_works_on_it(tmp_path: Path) -> None:
    orders, job = Orders(tmp_path), uuid.uuid4()
    orders.give(PLACE, "kill", about=job)
    assert reach(orders, uuid.uuid4()) == 0
    assert reach(orders, job) == -signal.SIGKILL


def test_what_was_obeyed_before_is_not_taken_for_the_order_given_last(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    orders.give(PLACE, "raise")
    assert reach(orders, uuid.uuid4()) == 1
    orders.await_obeyed(PLACE, 1)
    orders.give(PLACE, "raise", skip=1)
    assert orders.obeyed(PLACE) == []
    assert reach(orders, uuid.uuid4()) == 0
    assert orders.obeyed(PLACE) == []
    assert reach(orders, uuid.uuid4()) == 1
    assert len(orders.obeyed(PLACE)) == 1


def test_an_order_that_nobody_came_to_is_taken_back(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    orders.give(PLACE, "kill")
    with pytest.raises(NotReached):
        orders.await_obeyed(PLACE, 0.1)
    assert reach(orders, uuid.uuid4()) == 0
    orders.give(PLACE, "kill")
    assert reach(orders, uuid.uuid4()) == -signal.SIGKILL
