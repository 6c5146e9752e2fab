"""A Job's progress: on a terminal one line that is rewritten, in a log a line for a change."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management.base import OutputWrapper
from django.db import connection
from django.db.models.functions import Now

from accelerator import leases
from accelerator.management import Failed
from accelerator.management.reporting import UNTIL
from accelerator.management.watching import Screen, Speed, follow
from jobs import control, lifecycle, steps
from jobs.models import Job
from jobs.states import Cause, State, Wish
from tests.contract.conftest import REPOSITORY
from tests.jobs.cast import status
from tests.jobs.views import standing
from tests.mail import MailReceiver


def log() -> tuple[Screen, StringIO]:
    out = StringIO()
    return Screen(OutputWrapper(out), rewrites=False), out


def acts(*what: Callable[[], object]) -> Callable[[float], None]:
    """In place of waiting, something happens; when nothing is left to happen, waiting longer is a mistake."""
    left: Iterator[Callable[[], object]] = iter(what)

    def pause(seconds: float) -> None:
        next(left)()

    return pause


def freeze(job: Job) -> None:
    job.refresh_from_db()
    lifecycle.move(job, State.PROCESSING, Cause.FREEZE, extracted=100, frozen_at=Now())


def counted(job: Job, attempted: int) -> None:
    document = status(job, transferred=100, delivered=attempted, attempted=attempted).counts.model_dump()
    Job.objects.filter(pk=job.pk).update(counts_document=document, request_id="02-b4")


def collect(job: Job) -> None:
    job.refresh_from_db()
    lifecycle.move(job, State.COLLECTING, Cause.ALL_ATTEMPTED)


def complete(job: Job) -> None:
    job.refresh_from_db()
    lifecycle.move(job, State.COMPLETED, Cause.WINDOW_OVER)


def test_a_log_gets_a_line_for_every_change_and_no_other(job: Job) -> None:
    screen, out = log()
    pause = acts(
        lambda: None,
        lambda: freeze(job),
        lambda: counted(job, 50),
        lambda: counted(job, 51),
        lambda: None,
        lambda: counted(job, 100),
        lambda: collect(job),
        lambda: complete(job),
    )
    assert follow(job.pk, UNTIL["completed"], screen, pause=pause).state == State.COMPLETED
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in out.getvalue().splitlines()]
    assert [line.partition(" · ")[0] for line in lines] == [
        "Initializing",
        "Processing",
        "Processing",
        "Processing",
        "Collecting",
        "Completed",
    ]
    assert "50.0 %" in lines[2]
    assert "50 of 100 attempted" in lines[2]
    assert "50 delivered" in lines[2]


def test_it_may_end_when_results_are_collected(job: Job) -> None:
    screen, _ = log()
    pause = acts(lambda: freeze(job), lambda: collect(job))
    assert follow(job.pk, UNTIL["collecting"], screen, pause=pause).state == State.COLLECTING


def test_a_terminal_has_one_line_that_fits_and_is_rewritten(job: Job) -> None:
    out = StringIO()
    screen = Screen(OutputWrapper(out), rewrites=True, width=lambda: 30)
    pause = acts(lambda: freeze(job), lambda: counted(job, 50), lambda: collect(job))
    follow(job.pk, UNTIL["collecting"], screen, pause=pause)
    assert out.getvalue().endswith("\x1b[K\n")
    assert out.getvalue().count("\n") == 1
    _, *written = out.getvalue().rstrip("\n").split("\r")
    assert len(written) == 4
    for line in written:
        assert line.endswith("\x1b[K")
        assert len(line.removesuffix("\x1b[K")) < 30


def test_a_pending_ask_and_what_the_job_waits_for_are_shown(job: Job, alice: User) -> None:
    def ask() -> None:
        freeze(job)
        job.refresh_from_db()
        control.ask(job, Wish.PAUSE, by=alice, seen=job.version)

    def wait() -> None:
        Job.objects.filter(pk=job.pk).update(waiting_for="The Cloud can't be reached.")

    screen, out = log()
    follow(job.pk, UNTIL["collecting"], screen, pause=acts(ask, wait, lambda: collect(job)))
    _, asked, waiting, _ = out.getvalue().splitlines()
    assert "Pause asked by alice, waiting for the Cloud" in asked
    assert "The Cloud can't be reached." in waiting


def test_a_job_that_is_deleted_meanwhile_is_not_awaited_for_ever(job: Job, alice: User) -> None:
    def delete() -> None:
        Job.objects.filter(pk=job.pk).update(deleted_at=Now(), deleted_by=alice)

    screen, _ = log()
    with pytest.raises(Failed, match="deleted meanwhile"):
        follow(job.pk, UNTIL["completed"], screen, pause=acts(delete))


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_and_comes_back_ends_nothing(job: Job) -> None:
    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    def go_away() -> None:
        with pytest.raises(Exception, match="terminating connection"):
            cut()

    screen, out = log()
    pause = acts(go_away, lambda: freeze(job), lambda: collect(job))
    assert follow(job.pk, UNTIL["collecting"], screen, pause=pause).state == State.COLLECTING
    assert "The database does not answer; looking again" in out.getvalue()


def test_a_rate_is_that_of_the_last_seconds_in_the_same_state() -> None:
    times = iter([0.0, 1.0, 1.5, 2.0, 10.0, 20.0, 21.0])
    speed = Speed(clock=lambda: next(times))
    assert speed.of("processing", 0) is None
    assert speed.of("processing", 100) == 100
    assert speed.of("processing", 100) == 100  # no news yet
    assert speed.of("processing", 400) == 200
    assert speed.of("processing", 1_200) == 100
    assert speed.of("processing", 1_200) is None  # no news for long
    assert speed.of("collecting", 1_200) is None


@pytest.mark.django_db(transaction=True)
def test_a_job_is_followed_through_a_real_cloud(job: Job, sender: MailReceiver) -> None:
    def work(seconds: float) -> None:
        """What the dashboard's workers do meanwhile."""
        leases.wake(job.steps.filter(due_at__isnull=False))
        for pk, _ in steps.due_of(job.pk):
            steps.run(pk)
        threading.Event().wait(0.05)

    screen, out = log()
    done = follow(job.pk, UNTIL["collecting"], screen, pause=work)
    assert done.counts.delivered == 3
    assert {"ann@example.com", "ben@example.com", "cat@example.com"} <= set(sender.received())
    assert "100.0" in out.getvalue()
    assert "@" not in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_stops_watching_and_the_job_goes_on(job: Job) -> None:
    url = f"{os.environ['DATABASE_URL'].partition('?')[0].rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    query = os.environ["DATABASE_URL"].partition("?")[2]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "job", str(job.pk), "--wait", "--json"],
        cwd=REPOSITORY,
        env=os.environ | {"DATABASE_URL": f"{url}?{query}", "DJANGO_SETTINGS_MODULE": "accelerator.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background inherit that it is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Initializing")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("Stopped watching; the Job goes on.")
    job.refresh_from_db()
    assert job.state == State.INITIALIZING


def test_the_share_is_told_where_the_size_is_known_and_that_it_waits(job: Job, alice: User) -> None:
    standing.reading(job, size=1_000, extracting=400, extracting_bytes=5_000, dropped_invalid=100)
    screen, out = log()
    pause = acts(
        lambda: standing.reading(job, size=1_000, extracting=401),  # no tenth more: no line
        lambda: standing.waiting(job),
        lambda: control.confirm_size(job, by=alice, size=12_480),
        lambda: freeze(job),
        lambda: collect(job),
        lambda: complete(job),
    )
    follow(job.pk, UNTIL["completed"], screen, pause=pause)
    told = out.getvalue().replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert told[0] == "Initializing · 50.0 % · 400 extracted so far · 5 kB · 100 dropped"
    assert told[1] == "Initializing · waits for somebody to confirm 12,480 recipients (--confirm-size)"
    assert told[2].startswith("Initializing · ")
    assert "waits" not in told[2]
    assert told[3].startswith("Processing")
