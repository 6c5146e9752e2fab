"""The door, where a person confirms the size of an Audience that is far from its last one."""

from collections.abc import Callable, Iterator
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from accelerator import leases
from jobs import control, lifecycle
from jobs.control import SizeRefused
from jobs.models import Generation, Job, Step, Warehouse
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import run
from tests.jobs.views import standing
from tests.older import OlderCopy


@pytest.fixture
def older() -> Iterator[OlderCopy]:
    copy = OlderCopy()
    yield copy
    copy.drop()


@pytest.fixture
def waiting(job: Job) -> Job:
    return standing.waiting(job, 12_480)


def step(job: Job) -> Step:
    return cast.step(job, Step.Kind.INITIALIZING)


def asked(job: Job, wish: Wish, by: User) -> None:
    control.ask(job, wish, by=by, seen=Job.objects.get(pk=job.pk).version)


def test_what_is_confirmed_is_noted_with_who_and_when_and_extracted_again(waiting: Job, bob: User) -> None:
    before = step(waiting)
    assert before.due_at is None
    message = control.confirm_size(waiting, by=bob, size=12_480)
    assert message.startswith("12,480 recipients are confirmed.")
    waiting.refresh_from_db()
    assert (waiting.size_found, waiting.size_confirmed, waiting.size_confirmed_by) == (None, 12_480, bob)
    assert waiting.size_confirmed_at is not None
    assert (waiting.state, waiting.awaits_confirmation, waiting.extracting) == (State.INITIALIZING, False, 0)
    assert step(waiting).due_at is not None
    assert step(waiting).epoch > before.epoch


def test_whoever_still_holds_the_step_is_fenced_off(waiting: Job, bob: User) -> None:
    leases.wake(waiting.steps.filter(kind=Step.Kind.INITIALIZING))
    held = leases.claim(Step.objects.all(), step(waiting).pk, seconds=60)
    assert held is not None
    control.confirm_size(waiting, by=bob, size=12_480)
    with pytest.raises(leases.LeaseLost):
        leases.finish(held, due_in=None)
    assert step(waiting).due_at is not None


def test_a_size_that_was_counted_anew_is_refused(waiting: Job, bob: User) -> None:
    standing.waiting(waiting, 13_000)
    with pytest.raises(SizeRefused, match="has 13,000 records now, not 12,480"):
        control.confirm_size(waiting, by=bob, size=12_480)
    waiting.refresh_from_db()
    assert (waiting.size_found, waiting.size_confirmed) == (13_000, None)
    assert step(waiting).due_at is None


def test_a_double_click_is_acknowledged_twice_and_wakes_once(waiting: Job, bob: User) -> None:
    first = control.confirm_size(waiting, by=bob, size=12_480)
    once = step(waiting).epoch
    assert control.confirm_size(waiting, by=bob, size=12_480) == first
    assert step(waiting).epoch == once


def test_who_comes_second_is_told(waiting: Job, alice: User, bob: User) -> None:
    control.confirm_size(waiting, by=alice, size=12_480)
    with pytest.raises(SizeRefused, match="does not wait for a confirmation"):
        control.confirm_size(waiting, by=bob, size=12_480)
    waiting.refresh_from_db()
    assert waiting.size_confirmed_by == alice


def test_nothing_is_confirmed_of_a_job_that_does_not_wait(job: Job, bob: User) -> None:
    with pytest.raises(SizeRefused, match="its Audience is being extracted"):
        control.confirm_size(job, by=bob, size=3)
    job.refresh_from_db()
    assert job.size_confirmed is None


@pytest.mark.parametrize(
    ("wish", "told"), [(Wish.PAUSE, "The Job is Paused"), (Wish.CANCEL, "The Job is Failed")]
)
def test_nothing_is_confirmed_of_a_job_that_was_paused_or_cancelled_meanwhile(
    waiting: Job, alice: User, bob: User, wish: Wish, told: str
) -> None:
    asked(waiting, wish, alice)
    with pytest.raises(SizeRefused, match=told):
        control.confirm_size(waiting, by=bob, size=12_480)
    waiting.refresh_from_db()
    assert waiting.size_confirmed is None


def test_nothing_is_confirmed_behind_the_freeze(waiting: Job, bob: User) -> None:
    standing.processing(waiting)
    with pytest.raises(SizeRefused, match="The Job is Processing"):
        control.confirm_size(waiting, by=bob, size=12_480)


def test_a_cancel_while_it_waits_is_an_extraction_cancel(waiting: Job, bob: User) -> None:
    asked(waiting, Wish.CANCEL, bob)
    waiting.refresh_from_db()
    assert waiting.failure == Failure.EXTRACTION_CANCELLED
    assert waiting.notice.to == "campaigns@northwind.example"


def test_a_resume_extracts_anew_and_waits_for_nobody_until_then(waiting: Job, bob: User) -> None:
    asked(waiting, Wish.PAUSE, bob)
    asked(waiting, Wish.RESUME, bob)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.awaits_confirmation) == (State.INITIALIZING, False)
    assert step(waiting).due_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_database_that_has_forgotten_a_confirmation_is_noticed(
    waiting: Job, bob: User, older: OlderCopy
) -> None:
    older.take()
    control.confirm_size(waiting, by=bob, size=12_480)
    older.restore()
    with pytest.raises(SizeRefused, match="restored from an older copy"):
        control.confirm_size(waiting, by=bob, size=12_480)
    assert Job.objects.get(pk=waiting.pk).size_confirmed is None
    assert Generation.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(10))
def test_of_a_confirmation_and_a_cancel_the_first_counts_and_the_cancel_holds(
    waiting: Job, alice: User, bob: User, turn: int
) -> None:
    together, told = Barrier(2), []

    def at_once(act: Callable[[], object]) -> None:
        together.wait()
        try:
            act()
            told.append("done")
        except (SizeRefused, control.AskRefused) as refusal:
            told.append(str(refusal))
        finally:
            connection.close()

    acts: list[Callable[[], object]] = [
        lambda: control.confirm_size(waiting, by=bob, size=12_480),
        lambda: control.ask(waiting, Wish.CANCEL, by=alice, seen=waiting.version),
    ]
    threads = [Thread(target=at_once, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job = Job.objects.get(pk=waiting.pk)
    assert (job.state, job.failure) == (State.FAILED, Failure.EXTRACTION_CANCELLED)
    assert step(job).due_at is None
    refused = [one for one in told if one != "done"]
    assert refused == (
        []
        if job.size_confirmed
        else ["The Job is Failed: it does not wait for a confirmation. Nothing was done."]
    )


def test_a_stage_that_was_confirmed_away_freezes_nothing(waiting: Job, bob: User) -> None:
    """The extraction that had found the size must not go on behind the confirmation."""
    leases.wake(waiting.steps.filter(kind=Step.Kind.INITIALIZING))
    held = leases.claim(Step.objects.all(), step(waiting).pk, seconds=60)
    assert held is not None
    control.confirm_size(waiting, by=bob, size=12_480)
    with transaction.atomic(), pytest.raises(leases.LeaseLost), lifecycle.holding(held):
        raise AssertionError("it is held")


@pytest.mark.django_db(transaction=True)
def test_from_the_extraction_that_asks_to_the_freeze(warehouse: Warehouse, alice: User, bob: User) -> None:
    job = run(cast.job(warehouse, alice, last_size=100, most_change=10), "initializing")
    assert (job.state, job.size_found) == (State.INITIALIZING, 3)
    control.confirm_size(job, by=bob, size=3)
    assert step(job).due_at is not None
    job = run(job, "initializing")
    assert (job.state, job.extracted, job.size_confirmed_by) == (State.PROCESSING, 3, bob)


@pytest.mark.django_db(transaction=True)
def test_a_confirmed_size_holds_behind_a_pause_and_a_resume(
    warehouse: Warehouse, alice: User, bob: User
) -> None:
    job = run(cast.job(warehouse, alice, last_size=100, most_change=10), "initializing")
    control.confirm_size(job, by=bob, size=3)
    asked(job, Wish.PAUSE, bob)
    asked(job, Wish.RESUME, bob)
    assert run(job, "initializing").state == State.PROCESSING
