"""The rate of a Job changes while it runs: at a real Cloud, with a real sender."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from accelerator import leases
from accelerator.protocol import ControlRequest, Desired, RateRequest
from jobs import client, control, lifecycle, rating
from jobs.client import CloudClient
from jobs.control import RateRefused
from jobs.models import Job, Step
from jobs.rating import Rate
from jobs.stages import controlling, processing
from jobs.states import Cause, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, paused, run, run_until
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = Rate(100, {"example.com": 7})


@pytest.fixture
def cloud(transactional_db: None, cloud: CloudClient) -> Iterator[CloudClient]:
    """Whom a slow Job here did not reach is not reached in the midst of another test, whose sender would do it."""
    yield cloud
    for job in Job.objects.all():
        cloud.control(job.pk, ControlRequest(seq=100, desired=Desired.CANCEL))


@pytest.fixture
def submitted(frozen: Job, cloud: CloudClient) -> Job:
    """The Cloud has it."""
    return run(frozen, "processing")


def outcomes(job: Job) -> list[str]:
    return list(job.rate_changes.values_list("outcome", flat=True))


def test_the_launch_says_the_first_rate(frozen: Job, cloud: CloudClient) -> None:
    frozen.instructions_document |= {"rate_per_hour": 500, "domain_rates": {"example.com": 9}}
    frozen.save()
    job = run(frozen, "processing")
    status = cloud.status(job.pk)
    assert (status.rate_seq, status.rate_per_hour, status.domain_rates) == (-1, 500, {"example.com": 9})
    assert rating.wanted(job, []) == Rate(500, {"example.com": 9})


def test_a_change_is_in_force_once_the_cloud_has_confirmed_it(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    said = control.change_rate(submitted, SLOW, by=bob, seen=0, why=" too many complaints ")
    assert said.startswith("Rate asked: At most 100 messages per hour; per hour at most 7 to example.com.")
    assert cloud.status(submitted.pk).rate_seq == -1
    job = run(submitted, "controlling")
    status = cloud.status(job.pk)
    assert (status.rate_seq, status.rate_per_hour, status.domain_rates) == (1, 100, {"example.com": 7})
    change = job.rate_changes.get()
    assert (change.outcome, change.why, change.by) == ("in_force", "too many complaints", bob)
    assert change.settled_at is not None
    assert cast.step(job, "controlling").due_at is not None  # looked at once more, and then let go
    run(job, "controlling")
    assert cast.step(job, "controlling").due_at is None


def test_a_pending_pause_goes_first_and_is_not_withdrawn(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    control.ask(submitted, Wish.PAUSE, by=bob, seen=submitted.version)
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    job = run(submitted, "controlling")
    assert job.state == State.PAUSED
    assert cloud.status(job.pk).rate_seq == -1
    assert cast.step(job, "controlling").due_at is not None
    run(job, "controlling")
    assert cloud.status(job.pk).rate_seq == 1
    assert fresh(job).state == State.PAUSED


def test_of_two_who_change_it_at_once_one_is_told(submitted: Job, alice: User, bob: User) -> None:
    control.change_rate(submitted, SLOW, by=alice, seen=0)
    with pytest.raises(RateRefused, match="Somebody has changed the rate"):
        control.change_rate(submitted, Rate(5, {}), by=bob, seen=0)
    # A double click is acknowledged again, and stored once.
    control.change_rate(submitted, SLOW, by=alice, seen=0)
    assert outcomes(submitted) == ["pending"]
    control.change_rate(submitted, Rate(5, {}), by=bob, seen=1)
    assert outcomes(submitted) == ["replaced", "pending"]


def test_only_the_latest_is_told(submitted: Job, cloud: CloudClient, bob: User) -> None:
    for seen in range(3):
        control.change_rate(submitted, Rate(10 + seen, {}), by=bob, seen=seen)
    job = run(submitted, "controlling")
    assert outcomes(job) == ["replaced", "replaced", "in_force"]
    assert (cloud.status(job.pk).rate_seq, cloud.status(job.pk).rate_per_hour) == (3, 12)


def test_a_change_that_the_cloud_has_heard_later_ones_than_is_said_again_above_them(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    """As after this database was restored from a copy."""
    cloud.rate(submitted.pk, RateRequest(seq=7, rate_per_hour=9))
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    job = run(submitted, "controlling")
    assert outcomes(job) == ["in_force", "pending"]
    job = run(job, "controlling")
    assert outcomes(job) == ["in_force", "in_force"]
    assert (cloud.status(job.pk).rate_seq, cloud.status(job.pk).rate_per_hour) == (8, 100)
    assert list(job.rate_changes.values_list("number", "by")) == [(7, None), (8, bob.pk)]


def test_another_change_of_the_same_number_is_not_taken_for_ours(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    """As after this database was restored from a copy, too."""
    cloud.rate(submitted.pk, RateRequest(seq=1, rate_per_hour=9))
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    job = run(run(submitted, "controlling"), "controlling")
    assert rating.standing(job, list(job.rate_changes.all())).now.rate == SLOW
    assert (cloud.status(job.pk).rate_seq, cloud.status(job.pk).rate_per_hour) == (2, 100)


def test_an_answer_that_was_lost_is_had_again(submitted: Job, cloud: CloudClient, bob: User) -> None:
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    cloud.rate(submitted.pk, rating.request(submitted.rate_changes.get()))
    job = run(submitted, "controlling")
    assert list(job.rate_changes.values_list("number", "outcome")) == [(1, "in_force")]


def test_a_later_change_that_comes_while_the_cloud_is_told_is_told_next(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    """Whoever renumbers the older one meanwhile stands in nobody's way."""
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    older = submitted.rate_changes.get()
    status = cloud.rate(submitted.pk, RateRequest(seq=7, rate_per_hour=9))
    control.change_rate(submitted, Rate(12, {}), by=bob, seen=1)
    rating.answered(submitted, older, status, told=True)
    job = run(run(submitted, "controlling"), "controlling")
    assert list(job.rate_changes.values_list("number", "outcome")) == [
        (1, "replaced"),
        (7, "in_force"),
        (8, "in_force"),
    ]
    assert (cloud.status(job.pk).rate_seq, cloud.status(job.pk).rate_per_hour) == (8, 12)


def test_what_the_cloud_goes_by_is_known_after_a_restoration(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    cloud.rate(submitted.pk, RateRequest(seq=3, rate_per_hour=9))
    job = run(submitted, "processing")
    now = rating.standing(job, list(job.rate_changes.all())).now
    assert (now.rate, now.change and now.change.by) == (Rate(9, {}), None)
    with pytest.raises(RateRefused, match="Somebody has changed the rate"):
        control.change_rate(job, SLOW, by=bob, seen=0)


def test_a_mailing_that_is_cancelled_at_the_cloud_is_told_once(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    cloud.control(submitted.pk, ControlRequest(seq=9, desired=Desired.CANCEL))
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    job = run(submitted, "controlling")
    assert outcomes(job) == ["refused"]


def test_whoever_tells_of_a_pause_is_left_to_it(submitted: Job, cloud: CloudClient, bob: User) -> None:
    control.ask(submitted, Wish.PAUSE, by=bob, seen=submitted.version)
    epoch = cast.step(submitted, "controlling").epoch
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    assert cast.step(submitted, "controlling").epoch == epoch
    run(run(submitted, "controlling"), "controlling")
    assert outcomes(submitted) == ["in_force"]


@pytest.mark.usefixtures("no_cloud")
def test_an_unreachable_cloud_only_delays(frozen: Job, bob: User) -> None:
    Job.objects.filter(pk=frozen.pk).update(request_id="02-request")
    control.change_rate(frozen, SLOW, by=bob, seen=0)
    job = run(frozen, "controlling")
    assert outcomes(job) == ["pending"]
    assert "can't be reached" in job.waiting_for
    assert cast.step(job, "controlling").due_at is not None


def test_once_the_cloud_has_answered_nothing_is_waited_for(
    submitted: Job, cloud: CloudClient, bob: User
) -> None:
    job = paused(submitted, bob)
    Job.objects.filter(pk=job.pk).update(waiting_for="The Cloud can't be reached.", waiting_since=Now())
    control.change_rate(job, SLOW, by=bob, seen=0)
    job = run(job, "controlling")
    assert (job.waiting_for, job.waiting_since) == ("", None)


def test_a_cloud_that_knows_no_rates_is_asked_once(
    submitted: Job, cloud: CloudClient, bob: User, settings: Settings
) -> None:
    """As an older Cloud, or somebody else's, answers: here, because it has another address."""
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    client.cloud().close()
    settings.CLOUD_URL += "/older"
    client.cloud.cache_clear()
    job = run(submitted, "controlling")
    assert outcomes(job) == ["refused"]
    assert rating.wanted(job, job.rate_changes.all()) == rating.launched(job)
    run(job, "controlling")
    assert cast.step(job, "controlling").due_at is None


def test_a_change_from_before_the_submission_holds_from_the_first_contact_on(
    job: Job, cloud: CloudClient, bob: User
) -> None:
    said = control.change_rate(job, SLOW, by=bob, seen=0)
    assert "before anybody is contacted" in said
    job = run(job, "initializing")
    control.change_rate(job, Rate(50, {}), by=bob, seen=1)
    cloud.submit(job.pk, processing._request(job))
    assert cloud.status(job.pk).rate_per_hour == 0
    job = run(job, "processing")
    status = cloud.status(job.pk)
    assert (status.rate_seq, status.rate_per_hour, status.counts.transferred) == (2, 50, 3)
    assert outcomes(job) == ["replaced", "in_force"]


def test_nothing_is_transferred_at_a_rate_that_somebody_has_changed_before(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    control.change_rate(frozen, SLOW, by=bob, seen=0)
    cloud.submit(frozen.pk, processing._request(frozen))
    cloud.rate(frozen.pk, RateRequest(seq=4, rate_per_hour=9))
    job = run(frozen, "processing")
    assert (job.request_id is not None, cloud.status(job.pk).counts.transferred) == (True, 0)
    job = run(job, "processing")
    status = cloud.status(job.pk)
    assert (status.rate_seq, status.rate_per_hour, status.counts.transferred) == (5, 100, 3)


def test_after_its_end_there_is_nothing_to_change_and_what_waits_lapses(submitted: Job, bob: User) -> None:
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    lifecycle.move(submitted, State.COLLECTING, Cause.ALL_ATTEMPTED, collecting_until=lifecycle.window_end())
    assert outcomes(submitted) == ["pending"]
    lifecycle.move(submitted, State.COMPLETED, Cause.WINDOW_OVER)
    assert outcomes(submitted) == ["lapsed"]
    with pytest.raises(RateRefused, match="The Job is over"):
        control.change_rate(submitted, SLOW, by=bob, seen=1)


def test_whoever_sleeps_past_the_lease_changes_nothing(submitted: Job, bob: User) -> None:
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    step = leases.claim(Step.objects.all(), cast.step(submitted, "controlling").pk, seconds=60)
    assert step is not None
    leases.wake(Step.objects.filter(pk=step.pk))
    step.job = fresh(submitted)
    with pytest.raises(leases.LeaseLost):
        controlling.run(step)
    assert outcomes(submitted) == ["pending"]


def test_a_job_goes_on_at_the_new_rate_and_nobody_is_contacted_twice(
    tmp_path: Path, cloud: CloudClient, alice: User, bob: User, sender: MailReceiver
) -> None:
    """Changed while it runs, and while it is Paused: each time the next one waits an hour, until it is changed."""

    def reached() -> list[str]:
        return sorted(address for address in sender.received() if address.endswith("@rated.example"))

    people = [f"{name}@rated.example" for name in ("ann", "ben", "cat")]
    warehouse = cast.customers(tmp_path / "rated.duckdb", [(n, who, "Bob") for n, who in enumerate(people)])
    job = run(cast.job(warehouse, alice, rate_per_hour=1), "initializing")
    job = run(job, "processing")
    while not cloud.status(job.pk).counts.delivered:
        threading.Event().wait(0.05)
    assert len(reached()) == 1

    control.change_rate(job, Rate(0, {"rated.example": 1}), by=bob, seen=0)
    job = run(job, "controlling")
    while cloud.status(job.pk).counts.delivered < 2:
        threading.Event().wait(0.05)
    job = paused(job, bob)
    control.change_rate(job, Rate(3_600_000, {}), by=bob, seen=1)
    job = run(job, "controlling")
    assert (job.state, cloud.status(job.pk).counts.delivered, len(reached())) == (State.PAUSED, 2, 2)

    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    run(job, "controlling")
    assert run_until(fresh(job), "processing", State.COLLECTING).counts.delivered == 3
    assert reached() == people
    assert outcomes(job) == ["in_force", "in_force"]
