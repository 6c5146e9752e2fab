"""Nothing of an extraction is left in the spool, whichever way it ends, and whoever dies at it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from accelerator import leases
from jobs import control, spool, steps
from jobs.models import Job, Step, Warehouse
from jobs.stages import extracting, leftovers
from jobs.states import State, Wish
from jobs.warehouses import AudienceSqlError, WarehouseError, WarehouseUnreachable
from tests.accelerator.waiting import until
from tests.contract.conftest import REPOSITORY
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh, run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_cloud")]

WORK = "import sys, django; django.setup(); from jobs import steps; steps.run(int(sys.argv[1]))"
READING = "extraction.reading"


def files(job: Job) -> list[str]:
    """What the spool has of the Job."""
    folder = Path(storages["spool"].path(str(job.pk)))
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def look(job: Job) -> None:
    """What is due of the Job after an Ask is done, but no extraction."""
    for step in job.steps.exclude(kind=Step.Kind.INITIALIZING):
        steps.run(step.pk)


def look_again(job: Job) -> None:
    """The same once more, when its time has come."""
    Job.objects.update(state_since=F("state_since") - timedelta(seconds=leftovers.NOTICING))
    job.steps.filter(due_at__isnull=False).update(due_at=Now())
    look(job)


def ask(job: Job, by: User, *wishes: Wish) -> None:
    for wish in wishes:
        control.ask(job, wish, by=by, seen=fresh(job).version)


class Extractor:
    """A worker in a process of its own, which is told to be killed or stopped once some rows are in the spool."""

    def __init__(self, job: Job, folder: Path, settings: Settings, action: str) -> None:
        (folder / "orders").mkdir()
        self.order = folder / "orders" / f"{READING}.json"
        self.order.write_text(json.dumps({"action": action}))
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "accelerator.settings",
            "DATABASE_URL": urlunsplit(url),
            "DATA_DIR": str(folder),
            "MARKS": str(settings.MARKS),
            "BATCH_RECORDS": "2",
            "FAILPOINTS": str(self.order.parent),
        }
        step = cast.step(job, "initializing")
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORK, str(step.pk)], cwd=REPOSITORY, env=environment
        )

    def ends(self) -> int:
        return self.process.wait(60)

    def stands_still(self) -> bool:
        found, status = os.waitpid(self.process.pid, os.WUNTRACED | os.WNOHANG)
        assert not found or os.WIFSTOPPED(status)
        return bool(found)


Extract = Callable[[Job, str], Extractor]


@pytest.fixture
def extract(tmp_path: Path, settings: Settings) -> Iterator[Extract]:
    """An Extractor that has done what it was told to."""
    began: list[Extractor] = []

    def make(job: Job, action: str) -> Extractor:
        extractor = Extractor(job, tmp_path, settings, action)
        began.append(extractor)
        if action == "kill":
            assert extractor.ends() == -signal.SIGKILL
        else:
            until(extractor.stands_still, within=60)
        assert files(job)
        return extractor

    yield make
    for extractor in began:
        extractor.process.kill()
        extractor.process.wait()


@pytest.mark.parametrize("wish", [Wish.CANCEL, Wish.PAUSE])
@pytest.mark.parametrize("error", [AudienceSqlError, WarehouseUnreachable])
def test_an_error_that_comes_with_an_ask_leaves_nothing(
    job: Job, bob: User, wish: Wish, error: type[WarehouseError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heartbeat has not noticed the Ask; whoever wants to say what is wrong meets it first."""
    breaks_off(monkeypatch, error("the line broke"), lambda: ask(job, bob, wish))
    steps.run(cast.step(job, "initializing").pk)
    assert not files(job)


@pytest.mark.parametrize("error", [AudienceSqlError("No."), WarehouseUnreachable("No."), OSError("No.")])
def test_an_error_in_the_middle_leaves_nothing(
    job: Job, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not until the next try either, which somebody may never make."""
    breaks_off(monkeypatch, error)
    steps.run(cast.step(job, "initializing").pk)
    assert not files(job)


def breaks_off(
    monkeypatch: pytest.MonkeyPatch, error: Exception, before: Callable[[], None] = lambda: None
) -> None:
    """The extraction ends so, with records in the spool."""
    read: Callable[..., object] = extracting._read

    def broken(step: Step, *arguments: object) -> None:
        read(step, *arguments)
        assert files(step.job)
        before()
        raise error

    monkeypatch.setattr(extracting, "_read", broken)


@pytest.mark.parametrize("wishes", [[Wish.PAUSE], [Wish.CANCEL], [Wish.PAUSE, Wish.CANCEL]])
def test_whoever_is_killed_leaves_nothing_of_a_job_that_is_stopped_then(
    job: Job, bob: User, extract: Extract, wishes: list[Wish]
) -> None:
    extract(job, "kill")
    ask(job, bob, *wishes)
    look(job)
    assert not files(job)
    assert fresh(job).dropped_file == ""


def test_nor_of_a_job_that_is_deleted_then(job: Job, bob: User, extract: Extract) -> None:
    extract(job, "kill")
    ask(job, bob, Wish.CANCEL)
    control.delete(fresh(job), by=bob)
    look(job)
    assert not files(job)


def test_nor_of_a_job_that_fails_then(job: Job, extract: Extract) -> None:
    extract(job, "kill")
    Path(job.warehouse.location).unlink()
    leases.wake(job.steps.all())
    steps.run(cast.step(job, "initializing").pk)
    assert (fresh(job).state, files(job)) == (State.INITIALIZING, [])


def test_a_job_whose_worker_was_killed_is_extracted_whole_after_a_resume(
    job: Job, bob: User, extract: Extract
) -> None:
    extract(job, "kill")
    ask(job, bob, Wish.PAUSE)
    look(job)
    ask(job, bob, Wish.RESUME)
    frozen = run(job, "initializing")
    assert (frozen.state, frozen.extracted) == (State.PROCESSING, 3)
    assert all(spool.read(batch) for batch in frozen.batches.all())


@pytest.mark.parametrize("doubles", [False, True])
@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.CANCEL])
def test_whoever_wakes_after_everything_was_deleted_leaves_nothing(
    warehouse: Warehouse, alice: User, bob: User, extract: Extract, wish: Wish, doubles: bool
) -> None:
    """What it wants to read again is not there any more: that is no reason to leave the rest."""
    sql = f"{cast.SQL.partition(' ORDER')[0]} UNION ALL SELECT 4, 'ann@example.com', 'Ann'"
    job = cast.job(warehouse, alice, **({"sql": sql} if doubles else {}))
    sleeper = extract(job, "stop")
    ask(job, bob, wish)
    look(job)
    assert not files(job)
    sleeper.process.send_signal(signal.SIGCONT)
    assert sleeper.ends() == 0
    assert not files(job)


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.CANCEL])
def test_whoever_is_killed_before_the_ask_is_noticed_leaves_nothing_either(
    job: Job, bob: User, wish: Wish
) -> None:
    ask(job, bob, wish)
    look(job)
    storages["spool"].save(f"{job.pk}/0/000000.arrow", ContentFile(b"x"))
    look_again(job)
    assert not files(job)


def test_who_deletes_late_takes_nothing_of_the_next_attempt(
    job: Job, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(job, bob, Wish.PAUSE)
    clear: Callable[..., None] = spool.clear

    def late(*arguments: object, **how: object) -> None:
        monkeypatch.setattr(spool, "clear", clear)
        ask(job, bob, Wish.RESUME)
        run(job, "initializing")
        clear(*arguments, **how)

    monkeypatch.setattr(spool, "clear", late)
    look(job)
    frozen = fresh(job)
    assert (frozen.state, frozen.extracted) == (State.PROCESSING, 3)
    assert all(spool.read(batch) for batch in frozen.batches.all())
