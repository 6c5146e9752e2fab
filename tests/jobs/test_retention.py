"""Retention: after its time nothing of a person lies in the spool, whatever became of the Job; before it, all does."""

import os
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings

from accelerator import leases
from accelerator.celery import app
from jobs import control, lifecycle, retention, sentences, spool
from jobs.models import Job, Notice, Release, Step, Warehouse
from jobs.rating import Rate
from jobs.states import Cause, Failure, State, Wish
from tests.jobs import cast
from tests.jobs.views import standing

DAY = timedelta(days=1)


def kept(job: Job) -> Job:
    """With a batch and a list of dropped rows in the spool."""
    place = storages["spool"].save(f"{job.pk}/2/000000.arrow", ContentFile(b"ann@example.com"))
    job.batches.create(number=0, records=1, size=15, sha256="x", path=place)
    listed = storages["spool"].save(f"{job.pk}/dropped-2.csv", ContentFile(b"ben@"))
    Job.objects.filter(pk=job.pk).update(dropped_file=listed)
    job.refresh_from_db()
    return job


def rested(job: Job, for_days: float) -> Job:
    """As many days later, and at rest; whoever had to hear of it has."""
    span = timedelta(days=for_days)
    Job.objects.filter(pk=job.pk).update(
        state_since=F("state_since") - span, collecting_until=F("collecting_until") - span
    )
    job.steps.update(due_at=None)
    Notice.objects.filter(job=job).update(due_at=None, outcome=Notice.Outcome.SENT)
    job.refresh_from_db()
    return job


def files(root: Path) -> list[str]:
    return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())


def aged(folder: Path, days: float) -> None:
    """As if every file in it had been written so long ago."""
    then = (timezone.now() - timedelta(days=days)).timestamp()
    for file in folder.rglob("*"):
        os.utime(file, (then, then))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def a_week(settings: Settings) -> None:
    settings.RETENTION = 7 * DAY


def test_a_completed_job_is_forgotten_after_its_time_and_not_before(job: Job, root: Path) -> None:
    standing.completed(kept(job))
    Job.objects.filter(pk=job.pk).update(collecting_until=Now())
    rested(job, 6.9)
    assert retention.sweep() == 0
    assert len(files(root)) == 2
    rested(job, 0.2)
    assert retention.sweep() == 1
    assert files(root) == []
    assert not (root / str(job.pk)).exists()
    job.refresh_from_db()
    assert job.forgotten_at is not None
    assert job.dropped_file == ""


def test_what_is_no_person_stays(job: Job, root: Path) -> None:
    standing.completed(kept(job))
    Job.objects.filter(pk=job.pk).update(collecting_until=Now())
    rested(job, 8)
    retention.sweep()
    job.refresh_from_db()
    assert (job.extracted, job.counts.delivered, job.batches.get().sha256) == (100, 80, "x")
    assert job.transitions.count() == 4


def test_a_reason_that_somebody_gave_for_a_rate_or_a_release_goes(job: Job, alice: User) -> None:
    control.change_rate(standing.halfway(job), Rate(9, {}), by=alice, seen=0, why="Ann complained")
    job.releases.create(act=uuid.uuid4(), kind=Release.Kind.RELEASED, by=alice, why="Ann again")
    lifecycle.move(job, State.COLLECTING, Cause.ALL_ATTEMPTED, collecting_until=Now())
    lifecycle.move(job, State.COMPLETED, Cause.WINDOW_OVER)
    rested(job, 8)
    assert retention.sweep() == 1
    assert job.rate_changes.get().why == job.releases.get().why == sentences.FORGOTTEN
    assert job.rate_changes.get().rate_per_hour == 9


def test_the_results_of_a_cancelled_job_are_waited_for(job: Job, alice: User, root: Path) -> None:
    standing.cancelled(kept(job), alice)
    rested(job, 8)
    assert job.collecting_until is not None
    assert job.collecting_until > timezone.now()
    assert retention.sweep() == 0
    assert len(files(root)) == 2
    rested(job, 30)
    assert retention.sweep() == 1
    assert files(root) == []


def test_a_failed_extraction_keeps_its_list_for_as_long(job: Job, root: Path) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    assert retention.sweep() == 0
    rested(job, 8)
    assert retention.sweep() == 1
    assert files(root) == []


def test_a_job_that_does_not_rest_is_left_alone_however_old(job: Job, alice: User, root: Path) -> None:
    kept(job)
    changes: list[Callable[[], Job]] = [
        lambda: job,
        lambda: standing.halfway(job),
        lambda: standing.asked(job, Wish.PAUSE, alice),
        lambda: standing.granted(job, **standing.HALFWAY),
    ]
    for change in changes:
        rested(change(), 400)
        assert retention.sweep() == 0
    assert len(files(root)) == 2


def test_a_job_whose_last_results_are_still_asked_for_is_left_alone(
    job: Job, alice: User, root: Path
) -> None:
    rested(standing.cancelled(kept(job), alice), 40)
    leases.wake(job.steps.filter(kind=Step.Kind.COLLECTING))
    assert retention.sweep() == 0
    assert len(files(root)) == 2


def test_a_cloud_that_never_answers_keeps_no_list_of_a_job_it_never_had(job: Job, root: Path) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    rested(job, 8)
    leases.wake(job.steps.filter(kind=Step.Kind.COLLECTING))
    assert retention.sweep() == 1
    assert files(root) == []


def test_a_job_whose_mail_waits_for_the_mail_server_is_left_alone(job: Job, root: Path) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    rested(job, 8)
    leases.wake(Notice.objects.filter(job=job))
    assert retention.sweep() == 0
    notice = Notice.objects.get()
    assert notice.to
    assert "Too many are invalid." in notice.body


def test_a_deleted_job_is_forgotten_as_well(job: Job, alice: User, root: Path) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    control.delete(rested(job, 8), by=alice)
    assert retention.sweep() == 1
    assert files(root) == []


def test_it_is_done_once(job: Job) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    rested(job, 8)
    assert [retention.sweep(), retention.sweep()] == [1, 0]


def test_many_are_forgotten_piece_by_piece(
    warehouse: Warehouse, alice: User, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PIECE", 2)
    for _ in range(5):
        job = kept(cast.job(warehouse, alice))
        lifecycle.fail(job, Failure.AUDIENCE_SQL, "Too many are invalid.")
        rested(job, 8)
    assert [retention.sweep() for _ in range(4)] == [2, 2, 1, 0]
    assert files(root) == []


def test_it_takes_up_no_more_when_its_time_is_spent(
    job: Job, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    rested(job, 8)
    monkeypatch.setattr(retention, "BUDGET", -1.0)
    assert retention.sweep() == 0
    assert len(files(root)) == 2


def test_what_could_not_be_deleted_is_logged_tried_again_and_holds_up_nobody(
    warehouse: Warehouse, alice: User, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [kept(cast.job(warehouse, alice)) for _ in range(2)]
    for job in jobs:
        lifecycle.fail(job, Failure.AUDIENCE_SQL, "Too many are invalid.")
        rested(job, 8)
    obstacle = root / str(jobs[0].pk) / "2" / "folder" / "in-it"
    obstacle.mkdir(parents=True)
    assert retention.sweep() == 1
    [told] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert str(jobs[0].pk) in told.getMessage()
    assert "example.com" not in caplog.text
    jobs[0].refresh_from_db()
    assert jobs[0].forgotten_at is None
    obstacle.rmdir()
    obstacle.parent.rmdir()
    assert retention.sweep() == 1
    assert files(root) == []
    jobs[0].refresh_from_db()
    assert jobs[0].forgotten_at is not None


# --- what belongs to nobody ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_files_of_a_job_that_nobody_knows_go_after_the_same_time(root: Path) -> None:
    stray = uuid.uuid4()
    storages["spool"].save(f"{stray}/1/000000.arrow", ContentFile(b"x"))
    storages["spool"].save(f"{stray}/dropped-1.csv", ContentFile(b"x"))
    aged(root, 6.9)
    retention.sweep()
    assert len(files(root)) == 2
    aged(root, 7.1)
    retention.sweep()
    assert not (root / str(stray)).exists()


@pytest.mark.django_db
def test_one_young_file_keeps_its_folder(root: Path) -> None:
    stray = uuid.uuid4()
    storages["spool"].save(f"{stray}/1/000000.arrow", ContentFile(b"x"))
    aged(root, 8)
    storages["spool"].save(f"{stray}/1/000001.arrow", ContentFile(b"x"))
    retention.sweep()
    assert len(files(root)) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("place", ["reports/1/000000.arrow", "{}/photo.jpg", "{}/1/photo.jpg"])
def test_what_the_spool_has_not_written_is_left_alone(root: Path, place: str) -> None:
    storages["spool"].save(place.format(uuid.uuid4()), ContentFile(b"x"))
    aged(root, 400)
    retention.sweep()
    assert len(files(root)) == 1


def test_what_came_after_a_job_was_forgotten_goes_as_well(job: Job, root: Path) -> None:
    lifecycle.fail(kept(job), Failure.AUDIENCE_SQL, "Too many are invalid.")
    rested(job, 8)
    assert retention.sweep() == 1
    storages["spool"].save(f"{job.pk}/9/000000.arrow", ContentFile(b"x"))
    aged(root, 8)
    retention.sweep()
    assert files(root) == []


def test_a_job_that_is_known_keeps_its_old_files(job: Job, root: Path) -> None:
    standing.halfway(kept(job))
    aged(root, 400)
    retention.sweep()
    assert len(files(root)) == 2
    assert spool.read(job.batches.get()) == b"ann@example.com"


@pytest.mark.django_db
def test_where_there_is_no_spool_yet_there_is_nothing_to_do() -> None:
    assert retention.sweep() == 0


def test_it_is_planned() -> None:
    planned = app.conf.beat_schedule["forget"]
    assert planned["task"] in app.tasks
    assert planned["options"]["queue"] in {queue.name for queue in app.conf.task_queues}
