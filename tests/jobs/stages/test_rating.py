"""The rate of a Job changes while it runs: at a real Cloud, with a real sender."""

import threading

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from accelerator import leases
from accelerator.protocol import RateRequest
from jobs import client, control, rating
from jobs.client import CloudClient
from jobs.control import RateRefused
from jobs.models import Job, Step
from jobs.rating import Rate
from jobs.stages import controlling
from jobs.states import State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, paused, run, run_until

pytestmark = pytest.mark.django_db(transaction=True)

SLOW = Rate(100, {"example.com": 7})


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
    assert said.startswith("Rate asked: at most 100 messages per hour; per hour at most 7 to example.com.")
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
    assert outcomes(job) == ["pending"]
    job = run(job, "controlling")
    assert outcomes(job) == ["in_force"]
    assert (cloud.status(job.pk).rate_seq, cloud.status(job.pk).rate_per_hour) == (8, 100)


@pytest.mark.usefixtures("no_cloud")
def test_an_unreachable_cloud_only_delays(frozen: Job, bob: User) -> None:
    Job.objects.filter(pk=frozen.pk).update(request_id="02-request")
    control.change_rate(frozen, SLOW, by=bob, seen=0)
    job = run(frozen, "controlling")
    assert outcomes(job) == ["pending"]
    assert "can't be reached" in job.waiting_for
    assert cast.step(job, "controlling").due_at is not None


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


def test_before_the_cloud_has_the_job_and_after_its_end_there_is_nothing_to_change(
    frozen: Job, bob: User
) -> None:
    with pytest.raises(RateRefused, match="once the Cloud has the Job"):
        control.change_rate(frozen, SLOW, by=bob, seen=0)
    Job.objects.filter(pk=frozen.pk).update(state=State.COMPLETED, request_id="02-request")
    with pytest.raises(RateRefused, match="The Job is over"):
        control.change_rate(frozen, SLOW, by=bob, seen=0)


def test_whoever_sleeps_past_the_lease_changes_nothing(submitted: Job, bob: User) -> None:
    control.change_rate(submitted, SLOW, by=bob, seen=0)
    step = leases.claim(Step.objects.all(), cast.step(submitted, "controlling").pk, seconds=60)
    assert step is not None
    leases.wake(Step.objects.filter(pk=step.pk))
    step.job = fresh(submitted)
    with pytest.raises(leases.LeaseLost):
        controlling.run(step)
    assert outcomes(submitted) == ["pending"]


@pytest.mark.usefixtures("sender")
def test_a_job_goes_on_at_the_new_rate_and_nobody_is_contacted_twice(
    frozen: Job, cloud: CloudClient, bob: User
) -> None:
    frozen.instructions_document |= {"rate_per_hour": 1}
    frozen.save()
    job = run(frozen, "processing")
    while not cloud.status(job.pk).counts.delivered:
        threading.Event().wait(0.05)
    job = run(paused(job, bob), "controlling")
    control.change_rate(job, Rate(3_600_000, {}), by=bob, seen=0)
    run(job, "controlling")
    assert cloud.status(job.pk).counts.delivered == 1
    job = fresh(job)
    control.ask(job, Wish.RESUME, by=bob, seen=job.version)
    run(job, "controlling")
    assert run_until(fresh(job), "processing", State.COLLECTING).counts.delivered == 3
