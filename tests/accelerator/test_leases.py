"""Leases: one holder at a time, and whoever slept past its lease changes nothing."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F

from accelerator import leases
from accelerator.leases import LeaseLost
from jobs.models import Job, Step
from tests.jobs import cast
from tests.jobs.conftest import alice, warehouse

__all__ = ["alice", "warehouse"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def step(warehouse: object, alice: object) -> Step:
    """Due, and nobody's."""
    return cast.step(cast.job(warehouse, alice), "initializing")  # type: ignore[arg-type]


def claim(step: Step, seconds: float = 60) -> Step | None:
    return leases.claim(Step.objects.all(), step.pk, seconds=seconds)


def at_once(*acts: Callable[[], None]) -> None:
    """Each in a thread with a connection of its own, all beginning together."""
    together = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        try:
            connection.ensure_connection()
            together.wait(30)
            act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_many_workers_one_claims(step: Step) -> None:
    for _ in range(20):
        leases.wake(Step.objects.filter(pk=step.pk))
        held: list[Step] = []

        def work(held: list[Step] = held) -> None:
            mine = claim(step)
            if mine is not None:
                held.append(mine)

        at_once(*[work] * 6)
        assert len(held) == 1


def test_each_holder_has_an_epoch_of_its_own(step: Step) -> None:
    first = claim(step, seconds=0)
    second = claim(step, seconds=0)
    assert first is not None
    assert second is not None
    assert second.epoch > first.epoch


def test_a_lease_from_before_the_clock_was_set_back_is_void(step: Step) -> None:
    dead = claim(step)
    assert dead is not None
    assert claim(step) is None
    Step.objects.update(leased_until=F("leased_until") + timedelta(hours=2))
    taken = claim(step)
    assert taken is not None
    with pytest.raises(LeaseLost):
        leases.renew(dead, seconds=60)


def test_the_longest_lease_holds(step: Step) -> None:
    assert claim(step, seconds=10 * leases.LONGEST) is not None
    assert claim(step) is None


@pytest.mark.parametrize(
    "act",
    [
        lambda row: leases.renew(row, seconds=60),
        lambda row: leases.finish(row, due_in=None),
        lambda row: leases.holding(row).__enter__(),
    ],
    ids=["renew", "finish", "write"],
)
@pytest.mark.parametrize("taken_by", ["another worker", "a new wish"])
def test_whoever_slept_past_its_lease_changes_nothing(
    step: Step, act: Callable[[Step], object], taken_by: str
) -> None:
    sleeper = claim(step, seconds=0)
    assert sleeper is not None
    if taken_by == "another worker":
        assert claim(step) is not None
    else:
        leases.wake(Step.objects.filter(pk=step.pk))
    before = Step.objects.filter(pk=step.pk).values().get()
    with pytest.raises(LeaseLost), transaction.atomic():
        act(sleeper)
    assert Step.objects.filter(pk=step.pk).values().get() == before


def test_what_is_held_is_not_due_and_what_is_let_go_is_when_its_time_has_come(step: Step) -> None:
    mine = claim(step)
    assert mine is not None
    assert leases.due(Step.objects.all(), 10) == []
    assert claim(step) is None
    leases.finish(mine, due_in=3600)
    assert leases.due(Step.objects.all(), 10) == []
    leases.wake(Step.objects.filter(pk=step.pk))
    assert leases.due(Step.objects.all(), 10) == [step.pk]


def test_a_holder_that_died_is_followed_when_its_lease_is_over(step: Step) -> None:
    assert claim(step, seconds=0) is not None
    assert leases.due(Step.objects.all(), 10) == [step.pk]
    assert claim(step) is not None
    assert Job.objects.count() == 1
