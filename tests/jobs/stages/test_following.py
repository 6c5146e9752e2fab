"""What the stages after the freeze take in from the Cloud."""

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from accelerator import leases
from accelerator.protocol import Hold
from jobs import control, granting, steps
from jobs.models import Job, Step
from jobs.stages import following
from jobs.states import State, Wish
from tests.jobs import cast

pytestmark = pytest.mark.django_db(transaction=True)

STOPPED = Hold(code="refuses", reason="The mail server refuses everyone.", since="2026-01-01T00:00:00Z")


def frozen_after_a_pause_and_a_resume(job: Job, by: User) -> Job:
    for wish in (Wish.PAUSE, Wish.RESUME):
        job.refresh_from_db()
        control.ask(job, wish, by=by, seen=job.version)
    steps.run(cast.step(job, "initializing").pk)
    job.refresh_from_db()
    assert job.state == State.PROCESSING
    return job


def take_in_a_stop(job: Job, seq: int) -> Job:
    step = leases.claim(Step.objects.select_related("job"), cast.step(job, "processing").pk, seconds=30)
    assert step is not None
    following.take_in(step, cast.status(job, seq).model_copy(update={"stopped": STOPPED}))
    job.refresh_from_db()
    return job


def test_a_stop_by_the_cloud_pauses_the_job_though_people_asked_before_the_freeze(
    job: Job, bob: User
) -> None:
    job = take_in_a_stop(frozen_after_a_pause_and_a_resume(job, bob), 0)
    assert (job.state, job.paused_from) == (State.PAUSED, State.PROCESSING)
    last = job.transitions.last()
    assert last is not None
    assert (last.by, last.why) == (None, STOPPED.reason)


def test_of_a_person_s_pause_and_a_stop_at_the_same_moment_both_reasons_stay(job: Job, bob: User) -> None:
    """Whoever resumes it excuses what it was stopped for, and must have read that."""
    job = frozen_after_a_pause_and_a_resume(job, bob)
    asked = control.ask(job, Wish.PAUSE, by=bob, seen=job.version, why="lunch")
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        pending = current.asks.get(outcome="pending")
        acknowledged = cast.status(job, pending.number).model_copy(update={"stopped": STOPPED})
        assert granting.grant(current, pending, acknowledged)
    assert asked
    last = job.transitions.last()
    assert last is not None
    assert (last.by, last.target) == (bob, State.PAUSED)
    assert last.why == f"lunch. The Cloud had stopped it by itself at that moment: {STOPPED.reason}"


def test_old_news_of_a_stop_does_not_undo_what_was_asked_since(job: Job, bob: User) -> None:
    job = frozen_after_a_pause_and_a_resume(job, bob)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    assert take_in_a_stop(job, 0).state == State.PROCESSING
