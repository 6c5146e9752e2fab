"""The fast part of the suite in one house, for the gate; then that the checker sees what is wrong in a real one.

That house is of several kinds at once: its leases are short and its lines can be cut, so that cases of all of them run.
"""

import json
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.faults import cases, gathering, houses, running
from tests.faults.lined import Lined
from tests.faults.running import Row
from tests.faults.world import World

ROWS = [Row(case) for case in cases.chosen(fast=True)]

# What is made wrong in a finished house, one after the other, and the invariant that says so.
WRONGS = (
    (
        8,
        "DATABASE_URL",
        "UPDATE jobs_tally SET total = total + 1 WHERE measure = 'deliveries' AND job_id = %s",
    ),
    (9, "DATABASE_URL", "UPDATE jobs_transition SET cause = 'cancel' WHERE number = 1 AND job_id = %s"),
    (11, "DATABASE_URL", "UPDATE jobs_step SET due_at = now() WHERE kind = 'collecting' AND job_id = %s"),
    (13, "DATABASE_URL", "DELETE FROM campaigns_launch WHERE job_id = %s"),
    (
        4,
        "DATABASE_URL",
        'INSERT INTO jobs_notice (job_id, "to", subject, body, outcome, problem, created_at, epoch)'
        " VALUES (%s, 'x@x.example', '', '', 'sent', '', now(), 0)",
    ),
    (
        3,
        "CLOUD_DATABASE_URL",
        "UPDATE cloud_batch SET bounced = bounced - 1 WHERE number = 0 AND mailing_id = %s",
    ),
    (2, "CLOUD_DATABASE_URL", "UPDATE cloud_batch SET sha256 = 'x' WHERE mailing_id = %s"),
    (
        12,
        "CLOUD_DATABASE_URL",
        "INSERT INTO cloud_suppression (address_key, reason, at) SELECT address_key, 'added',"
        " committed_at - interval '1 minute' FROM cloud_intent WHERE mailing_id = %s AND state = 'delivered'"
        " AND address_key LIKE 'ok%%' LIMIT 1",
    ),
    (
        6,
        "CLOUD_DATABASE_URL",
        "DELETE FROM cloud_intent WHERE id = (SELECT id FROM cloud_intent WHERE mailing_id = %s"
        " AND state = 'delivered' AND address_key LIKE 'ok%%' ORDER BY id DESC LIMIT 1)",
    ),
    (7, "CLOUD_DATABASE_URL", "UPDATE cloud_intent SET state = 'unknown' WHERE mailing_id = %s"),
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    world = Lined(folder, **houses.HASTY)
    try:
        yield world
    finally:
        world.close()


def test_the_promises_hold(world: World) -> None:
    running.all_of_them(world, ROWS, print, side_by_side=len(ROWS))
    assert [sentence for row in ROWS for sentence in row.problems + row.violations] == []
    assert [str(violation) for violation in world.check()] == []


def test_the_checker_hears_when_the_cloud_acknowledged_a_pause(world: World) -> None:
    pauses = [
        (move.ask, {word.number for word in job.words if word.desired == "pause"})
        for job in gathering.gather(world.house.folder).jobs
        for move in job.moves
        if move.target == "paused" and move.counts is not None and move.ask is not None
    ]
    assert pauses
    assert all(ask in heard for ask, heard in pauses)


@pytest.mark.parametrize(("invariant", "database", "wrong"), WRONGS, ids=[str(wrong[0]) for wrong in WRONGS])
def test_the_checker_sees_what_is_wrong_in_a_real_house(
    world: World, invariant: int, database: str, wrong: str
) -> None:
    job = world.dashboard("SELECT id FROM jobs_job WHERE state = 'completed' ORDER BY created_at LIMIT 1")[0][
        0
    ]
    before = {(violation.invariant, violation.job) for violation in world.check()}
    with psycopg.connect(gathering.environment(world.house.folder)[database], autocommit=True) as connection:
        assert connection.execute(wrong.encode(), [job]).rowcount > 0
    assert (invariant, job) not in before
    assert (invariant, job) in {(violation.invariant, violation.job) for violation in world.check()}


def test_the_checker_sees_an_intent_during_a_pause_in_a_real_house(world: World) -> None:
    job, move = next(
        (job, move)
        for job in gathering.gather(world.house.folder).jobs
        for move in job.moves
        if move.target == "paused" and move.counts is not None and job.state == "completed"
    )
    late = (
        "UPDATE cloud_intent SET committed_at = %s"
        " WHERE id = (SELECT min(id) FROM cloud_intent WHERE mailing_id = %s)"
    )
    database = gathering.environment(world.house.folder)["CLOUD_DATABASE_URL"]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(late, [move.at + timedelta(milliseconds=1), job.id])
    assert (5, job.id) in {(violation.invariant, violation.job) for violation in world.check()}


def test_the_checker_reads_the_broker_and_sees_an_address_in_a_log(world: World) -> None:
    assert "celery" in gathering.gather(world.house.folder).texts["the broker"]
    assert 14 not in {violation.invariant for violation in world.check()}
    with (world.house.folder / "up.log").open("a") as file:
        file.write("somebody@people.example\n")
    assert 14 in {violation.invariant for violation in world.check()}


def test_the_checker_sees_a_second_acceptance_in_a_real_house(world: World) -> None:
    journal = world.house.folder / "receiver" / "received.jsonl"
    again = json.loads(journal.read_text().splitlines()[0])
    with journal.open("a") as file:
        file.write(json.dumps(again) + "\n")
    assert 1 in {violation.invariant for violation in world.check()}
