"""The door: what people may ask, and what they are told."""

import logging
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now

from accelerator.protocol import MailingStatus
from jobs import control, granting, lifecycle
from jobs.control import AskRefused
from jobs.models import Ask, Job, Notice
from jobs.states import Cause, Failure, State, Wish
from tests.jobs import cast


def frozen(job: Job) -> Job:
    """The Job as it stands after the freeze, the Cloud not asked yet."""
    assert freeze(job)
    return job


def freeze(job: Job) -> bool:
    return lifecycle.move(job, State.PROCESSING, Cause.FREEZE, extracted=3, frozen_at=Now())


def test_a_cancel_while_initializing_is_an_extraction_cancel(job: Job, bob: User) -> None:
    acknowledgement = control.ask(job, Wish.CANCEL, by=bob, seen=job.version, why="wrong banner")
    job.refresh_from_db()
    assert (job.state, job.failure, job.request_id) == (State.FAILED, Failure.EXTRACTION_CANCELLED, None)
    assert "Nobody is contacted" in acknowledgement.message
    assert "Nobody was contacted" in job.failure_sentence
    assert job.notice.to == "campaigns@northwind.example"
    assert "Nobody was contacted" in job.notice.body
    last = job.transitions.last()
    assert last is not None
    assert (last.by, last.why, last.cause) == (bob, "wrong banner", Cause.CANCEL)


def test_a_cancel_of_a_job_paused_while_initializing_is_an_extraction_cancel_too(job: Job, bob: User) -> None:
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    job.refresh_from_db()
    assert (job.state, job.paused_from) == (State.PAUSED, State.INITIALIZING)
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    job.refresh_from_db()
    assert job.failure == Failure.EXTRACTION_CANCELLED
    assert Notice.objects.filter(job=job).count() == 1


def test_a_resume_after_a_pause_while_initializing_starts_the_extraction_again(job: Job, bob: User) -> None:
    step = cast.step(job, "initializing")
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    step.refresh_from_db()
    assert step.due_at is None
    job.refresh_from_db()
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    step.refresh_from_db()
    job.refresh_from_db()
    assert job.state == State.INITIALIZING
    assert step.due_at is not None


def test_a_pause_after_the_freeze_waits_for_the_cloud(job: Job, bob: User) -> None:
    frozen(job)
    acknowledgement = control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    job.refresh_from_db()
    assert job.state == State.PROCESSING
    assert acknowledgement.message == "Pause asked. The Job shows Paused once the Cloud has confirmed."
    assert control.offers(job) == (Wish.RESUME,)
    pending = control.pending(job)
    assert pending is not None
    assert (pending.by, pending.seen_state) == (bob, State.PROCESSING)
    assert cast.step(job, "controlling").due_at is not None


def test_a_resume_withdraws_a_pending_pause(job: Job, alice: User, bob: User) -> None:
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    control.ask(job, Wish.RESUME, by=alice, seen=job.version)
    assert [(a.wish, a.outcome) for a in job.asks.all()] == [("pause", "withdrawn"), ("resume", "pending")]


def test_too_late_for_an_extraction_cancel(job: Job, bob: User) -> None:
    seen = job.version
    frozen(job)
    with pytest.raises(AskRefused, match=r"Too late for an Extraction Cancel.*Pause the Job, then cancel it"):
        control.ask(job, Wish.CANCEL, by=bob, seen=seen)
    assert job.asks.count() == 0


def test_a_job_must_be_paused_before_it_is_cancelled(job: Job, bob: User) -> None:
    frozen(job)
    with pytest.raises(AskRefused, match="Pause the Job before cancelling it"):
        control.ask(job, Wish.CANCEL, by=bob, seen=job.version)


def test_it_does_not_pause_a_job_that_is_being_paused(job: Job, alice: User, bob: User) -> None:
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    with pytest.raises(AskRefused, match="asked already"):
        control.ask(job, Wish.PAUSE, by=alice, seen=job.version)


def test_a_double_click_is_acknowledged_twice_and_stored_once(job: Job, bob: User) -> None:
    first, second = (control.ask(job, Wish.CANCEL, by=bob, seen=job.version) for _ in range(2))
    assert first.message == second.message
    assert "Cancelled during extraction" in second.message
    assert job.asks.count() == 1
    assert Notice.objects.filter(job=job).count() == 1


def test_a_stale_job_cancel_is_not_told_that_it_is_too_late_for_an_extraction_cancel(
    job: Job, alice: User, bob: User
) -> None:
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    grant(job, cast.status(job, 1))
    seen = job.version
    control.ask(job, Wish.RESUME, by=bob, seen=seen)
    grant(job, cast.status(job, 2))
    with pytest.raises(AskRefused, match="it is Processing now"):
        control.ask(job, Wish.CANCEL, by=alice, seen=seen)


def test_a_cancel_of_a_job_that_completed_meanwhile_lapses(job: Job, bob: User) -> None:
    frozen(job)
    assert lifecycle.move(job, State.COLLECTING, Cause.ALL_ATTEMPTED, request_id="02-request")
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    grant(job, cast.status(job, 1))
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    assert lifecycle.move(job, State.COMPLETED, Cause.WINDOW_OVER)
    ask = job.asks.get(outcome=Ask.Outcome.PENDING)
    assert not granting.grant(job, ask, cast.status(job, 2))
    ask.refresh_from_db()
    assert (job.state, ask.outcome) == (State.COMPLETED, Ask.Outcome.LAPSED)


def test_a_job_that_has_contacted_people_is_never_called_an_extraction_cancel(job: Job, bob: User) -> None:
    """Though the Cloud may have forgotten it."""
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    grant(job, cast.status(job, 1, transferred=3, delivered=3))
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    grant(job, cast.status(job, 2, request_id=None))
    assert (job.failure, job.request_id) == (Failure.CANCELLED, "02-request")
    assert "3 people had received" in job.failure_sentence
    assert not Notice.objects.exists()


def test_a_pause_forgets_what_the_job_waited_for(job: Job, bob: User) -> None:
    Job.objects.filter(pk=job.pk).update(waiting_for="The warehouse is away.", waiting_since=Now())
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    job.refresh_from_db()
    assert (job.waiting_for, job.waiting_since) == ("", None)


def test_a_stale_ask_is_refused_with_a_sentence(job: Job, alice: User, bob: User) -> None:
    seen = job.version
    control.ask(job, Wish.PAUSE, by=alice, seen=seen)
    with pytest.raises(AskRefused, match="has changed since your page was loaded: it is Paused now"):
        control.ask(job, Wish.PAUSE, by=bob, seen=seen)


def test_the_cloud_decides_which_cancel_it_was_when_no_request_id_came_back(job: Job, bob: User) -> None:
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    grant(job, cast.status(job, 1, request_id=None))
    assert (job.state, job.paused_from) == (State.PAUSED, State.PROCESSING)
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    grant(job, cast.status(job, 2, request_id=None))
    assert job.failure == Failure.EXTRACTION_CANCELLED
    assert job.notice.outcome == Notice.Outcome.PENDING


def test_a_submission_whose_answer_was_lost_makes_it_a_job_cancel(job: Job, bob: User) -> None:
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    grant(job, cast.status(job, 1, request_id="02-found"))
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    grant(job, cast.status(job, 2, request_id="02-found", transferred=3, delivered=1, not_sent=2))
    assert (job.state, job.failure, job.request_id) == (State.FAILED, Failure.CANCELLED, "02-found")
    assert not Notice.objects.exists()
    assert job.collecting_until is not None


def test_a_cancel_is_final(job: Job, bob: User) -> None:
    frozen(job)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    grant(job, cast.status(job, 1))
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    assert control.offers(job) == ()
    with pytest.raises(AskRefused, match="final"):
        control.ask(job, Wish.RESUME, by=bob, seen=job.version)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_failure_in_processing_stops_the_mailing_first(job: Job, accepted: bool) -> None:
    """What it means for the recipients is said when the Cloud has told how far it was."""
    frozen(job)
    granting.stop(job, Failure.CLOUD, "The Cloud refused the Job.")
    job.refresh_from_db()
    assert job.state == State.PROCESSING
    assert control.offers(job) == ()
    known, unknown = cast.status(job, 1, transferred=3, delivered=1), cast.status(job, 1, request_id=None)
    grant(job, known if accepted else unknown)
    assert (job.state, job.failure, job.failure_sentence) == (
        State.FAILED,
        "cloud",
        "The Cloud refused the Job. The mailing was stopped: the counts say who had been contacted by then, and nobody "
        "else is."
        if accepted
        else "The Cloud refused the Job. Nobody was contacted.",
    )
    assert not Notice.objects.exists()


def test_a_job_that_was_moved_since_is_not_moved(job: Job, bob: User) -> None:
    stale, older = Job.objects.get(pk=job.pk), Job.objects.get(pk=job.pk)
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    assert not freeze(stale)
    job.refresh_from_db()
    assert (job.state, job.transitions.count()) == (State.PAUSED, 2)
    # It stands where it stood, and is another one all the same.
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    assert not freeze(older)
    job.refresh_from_db()
    assert (job.state, job.transitions.count()) == (State.INITIALIZING, 3)


@pytest.mark.django_db(transaction=True)
def test_of_a_cancel_and_the_freeze_exactly_one_wins(job: Job, bob: User) -> None:
    outcomes = []
    barrier = threading.Barrier(2)

    def cancel() -> None:
        barrier.wait()
        try:
            control.ask(job, Wish.CANCEL, by=bob, seen=0)
            outcomes.append("cancelled")
        except AskRefused as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    def finish() -> None:
        mine = Job.objects.get(pk=job.pk)
        barrier.wait()
        try:
            outcomes.append("frozen" if freeze(mine) else "lost")
        finally:
            connection.close()

    threads = [threading.Thread(target=cancel), threading.Thread(target=finish)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job.refresh_from_db()
    if job.state == State.FAILED:
        assert sorted(outcomes) == ["cancelled", "lost"]
    else:
        assert job.state == State.PROCESSING
        assert "frozen" in outcomes
        assert any("Too late" in outcome for outcome in outcomes)


def grant(job: Job, status: MailingStatus) -> None:
    """What the controlling stage does with the Cloud's acknowledgement."""
    ask = job.asks.get(outcome=Ask.Outcome.PENDING)
    job.refresh_from_db()
    assert granting.grant(job, ask, status)
    job.refresh_from_db()


@pytest.mark.django_db(transaction=True)
def test_what_becomes_of_a_job_is_logged_once_it_is_true(
    job: Job, bob: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jobs.lifecycle")
    with transaction.atomic():
        control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
        transaction.set_rollback(True)
    assert caplog.messages == []
    control.ask(job, Wish.PAUSE, by=bob, seen=job.version)
    assert caplog.messages == [
        f"job {job.pk}: ask 1, pause",
        f"job {job.pk}, Request ID none: pause, now paused",
    ]
