"""`manage.py job`: which Job, what is told of it, and Asks through the door."""

import sys
import uuid
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from accelerator.protocol import Counts
from jobs import control, lifecycle
from jobs.models import Job, Tally
from jobs.states import Cause, Failure, State, Wish
from tests.accelerator.management.terminal import Keyboard, run
from tests.jobs import cast
from tests.jobs.views import standing


@pytest.fixture(autouse=True)
def alices_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "alice")
    monkeypatch.setattr(sys, "stdin", StringIO())  # no terminal


@pytest.fixture
def sent(job: Job) -> Job:
    """Processing, half of it done."""
    counts = Counts(transferred=100, waiting=40, in_flight=10, delivered=45, bounced=5, attempted=50)
    lifecycle.move(
        job,
        State.PROCESSING,
        Cause.FREEZE,
        extracted=100,
        frozen_at=Now(),
        request_id="02-b41c7d",
        counts_document=counts.model_dump(),
    )
    job.refresh_from_db()
    return job


def number(job: Job) -> str:
    return str(job.pk)


# --- which Job -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["02-b41c7d", "02-B41C7D", "02-b4", " 02-b41c7d "])
def test_it_finds_by_request_id_whole_or_by_its_beginning(sent: Job, wanted: str) -> None:
    said = run("job", wanted)
    assert said.code == 0
    assert number(sent) in said.out


def test_it_finds_by_id_whole_or_by_its_beginning(job: Job) -> None:
    for wanted in (number(job), number(job)[:11], job.pk.hex[:10], number(job).upper()):
        assert number(job) in run("job", wanted).out


@pytest.mark.usefixtures("job")
def test_it_says_that_there_is_no_such_job() -> None:
    said = run("job", "02-nothing")
    assert said.code == 2
    assert 'There is no Job whose id or Request ID begins with "02-nothing".' in said.err


def test_it_does_not_find_a_deleted_job(sent: Job, alice: User) -> None:
    Job.objects.filter(pk=sent.pk).update(deleted_at=Now(), deleted_by=alice)
    assert run("job", number(sent)).code == 2
    assert run("job", "02-b41c7d").code == 2


def test_a_beginning_that_several_jobs_have_lists_them(job: Job, alice: User) -> None:
    other = cast.job(job.warehouse, alice)
    Job.objects.filter(pk=job.pk).update(request_id="02-aaaa", frozen_at=Now())
    Job.objects.filter(pk=other.pk).update(request_id="02-aabb", frozen_at=Now())
    said = run("job", "02-aa")
    assert said.code == 2
    assert number(job) in said.err
    assert number(other) in said.err


def test_a_whole_request_id_wins_over_a_longer_one(job: Job, alice: User) -> None:
    other = cast.job(job.warehouse, alice)
    Job.objects.filter(pk=job.pk).update(request_id="02-aa", frozen_at=Now())
    Job.objects.filter(pk=other.pk).update(request_id="02-aabb", frozen_at=Now())
    assert number(job) in run("job", "02-aa").out


@pytest.mark.usefixtures("job")
def test_nothing_is_no_beginning() -> None:
    assert run("job", " ").code == 2


@pytest.mark.usefixtures("charlie")
def test_it_does_not_find_what_the_named_person_may_not_see(job: Job) -> None:
    assert run("job", number(job), "--by", "charlie").code == 2


# --- what is told ----------------------------------------------------------------------------------------


def test_it_tells_the_state_and_the_equation(sent: Job) -> None:
    said = run("job", "02-b41c7d")
    assert said.out.startswith("Autumn sale: Processing, since ")
    told = " ".join(said.out.split())
    assert (
        "100 Extracted = 45 Delivered 45.0 % + 5 Bounced 5.0 % + 10 In flight 10.0 % + 40 Waiting 40.0 %"
        in (told.replace("\N{NO-BREAK SPACE}", " "))
    )
    assert f"http://localhost:8000/jobs/{number(sent)}/" in told


def test_it_tells_results(sent: Job) -> None:
    for measure, total, people in (
        ("deliveries", 45, 0),
        ("opens", 30, 18),
        ("machine_opens", 7, 6),
        ("clicks", 4, 3),
        ("attrition", 3, 3),
        ("unsubscribes", 2, 2),
        ("complaints", 1, 1),
        ("hard_bounces", 4, 0),
        ("soft_bounces", 1, 0),
    ):
        Tally.objects.create(job=sent, measure=measure, total=total, recipients=people)
    Tally.objects.create(job=sent, measure="clicks", detail="0", total=4, recipients=3)
    told = run("job", "02-b41c7d").out.replace("\N{NO-BREAK SPACE}", " ")
    told = " ".join(told.split())
    assert "Deliveries 45 (90.0 %)" in told
    assert "Opens 18 (40.0 %): 30 in all, 7 more by machines" in told
    assert "Attrition 3 (6.7 %): 2 unsubscribed, 1 complained of spam" in told
    assert "Bounces 5 (10.0 %): 4 hard, 1 soft" in told
    results = run("job", "02-b41c7d", "--json").document["results"]
    assert results["opens"] == {"total": 30, "recipients": 18, "machine": 7}
    assert results["clicks"] == {"total": 4, "recipients": 3, "machine": 0}
    assert results["attrition"] == {"recipients": 3, "unsubscribes": 2, "complaints": 1}
    assert results["bounces"] == {"total": 5, "hard": 4, "soft": 1}


def test_programs_are_told_the_equation_exactly(sent: Job) -> None:
    document = run("job", "02-b41c7d", "--json").document
    assert (document["id"], document["request_id"], document["state"]) == (
        number(sent),
        "02-b41c7d",
        "processing",
    )
    extracted = document["equation"].pop("extracted")
    assert extracted == sum(document["equation"].values()) == 100
    assert document["counts"]["delivered"] == 45
    assert document["pending"] is None


def test_the_document_holds_no_address(sent: Job) -> None:
    Job.objects.filter(pk=sent.pk).update(
        name="For ann@example.com", waiting_for="The server refuses news@northwind.example."
    )
    said = run("job", "02-b41c7d", "--json")
    assert "example.com" not in said.out
    assert "northwind.example" not in said.out
    assert said.document["waiting_for"].startswith("The server refuses ")


def test_a_pending_ask_is_told(sent: Job, bob: User) -> None:
    control.ask(sent, Wish.PAUSE, by=bob, seen=sent.version)
    assert "Pause asked by bob, waiting for the Cloud" in run("job", "02-b41c7d").out
    assert run("job", "02-b41c7d", "--json").document["pending"]["wish"] == "pause"


def test_why_a_job_failed_is_told_and_looking_at_it_is_no_failure(job: Job) -> None:
    lifecycle.fail(job, Failure.AUDIENCE_SQL, "The SQL has no FROM.")
    said = run("job", number(job))
    assert said.code == 0
    assert "The SQL has no FROM. Nobody was contacted." in said.out


# --- Asks ------------------------------------------------------------------------------------------------


def test_a_pause_before_the_freeze_is_granted_and_acknowledged(job: Job, alice: User) -> None:
    said = run("job", number(job), "--pause", "--why", "wrong banner")
    job.refresh_from_db()
    assert (said.code, job.state) == (0, State.PAUSED)
    assert "Paused. The extraction is being stopped" in said.out
    asked = job.asks.get()
    assert (asked.by, asked.why) == (alice, "wrong banner")


def test_a_pause_after_it_waits_for_the_cloud(sent: Job) -> None:
    said = run("job", "02-b41c7d", "--pause", "--json")
    assert said.code == 0
    assert "Pause asked." in said.err
    assert (said.document["state"], said.document["pending"]["wish"]) == ("processing", "pause")


def test_a_resume(job: Job, alice: User) -> None:
    control.ask(job, Wish.PAUSE, by=alice, seen=job.version)
    assert run("job", number(job), "--resume").code == 0
    job.refresh_from_db()
    assert job.state == State.INITIALIZING


def test_what_is_not_offered_is_refused_with_the_doors_sentence(sent: Job) -> None:
    said = run("job", "02-b41c7d", "--cancel", "--yes")
    assert said.code == 1
    assert "Refused: Pause the Job before cancelling it." in said.err
    assert not sent.asks.exists()


def test_programs_are_told_of_a_refusal_beside_the_job(sent: Job) -> None:
    said = run("job", "02-b41c7d", "--resume", "--json")
    assert said.code == 1
    assert said.document["refused"] == "Resume is not possible while the Job is Processing."
    assert said.document["state"] == "processing"


@pytest.mark.usefixtures("sent")
def test_only_one_thing_is_asked_at_a_time() -> None:
    assert run("job", "02-b41c7d", "--pause", "--resume").code != 0


def test_nothing_is_asked_in_the_name_of_nobody(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "")
    said = run("job", number(job), "--pause")
    assert said.code == 2
    assert "--by USERNAME" in said.err
    assert not job.asks.exists()


# --- cancel ----------------------------------------------------------------------------------------------


def test_without_a_terminal_a_cancel_needs_its_yes_beforehand(job: Job) -> None:
    said = run("job", number(job), "--cancel")
    assert said.code == 2
    assert "Cancelling now contacts nobody" in said.err
    assert "--yes" in said.err
    assert not job.asks.exists()


def test_with_it_nobody_is_asked(job: Job) -> None:
    said = run("job", number(job), "--cancel", "--yes")
    job.refresh_from_db()
    assert (said.code, job.failure) == (0, Failure.EXTRACTION_CANCELLED)
    assert "Cancelled during extraction. Nobody is contacted" in said.out


def test_on_a_terminal_a_cancel_is_confirmed_after_its_warning(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard("yes"))
    said = run("job", number(job), "--cancel")
    job.refresh_from_db()
    assert (said.code, job.state) == (0, State.FAILED)
    assert "Cancelling now contacts nobody" in said.err


@pytest.mark.parametrize("answer", ["", "no", "y e s"])
def test_anything_but_yes_cancels_nothing(job: Job, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    said = run("job", number(job), "--cancel")
    assert said.code == 1
    assert "Nothing was cancelled." in said.err
    assert not job.asks.exists()


def test_a_job_that_changed_while_the_warning_was_read_is_not_cancelled(
    job: Job, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        control.ask(Job.objects.get(pk=job.pk), Wish.PAUSE, by=bob, seen=job.version)

    monkeypatch.setattr(sys, "stdin", Keyboard("yes", meanwhile))
    said = run("job", number(job), "--cancel")
    job.refresh_from_db()
    assert (said.code, job.state) == (1, State.PAUSED)
    assert "it is Paused now" in said.err


# --- the size --------------------------------------------------------------------------------------------


@pytest.fixture
def far(job: Job) -> Job:
    """Waits for somebody to confirm that it is meant for 12,480."""
    return standing.waiting(job)


def test_a_job_that_waits_says_so_and_how_it_goes_on(far: Job) -> None:
    told = " ".join(run("job", number(far)).out.split())
    assert "Waits The Audience has 12,480 records; the last size known of it was 1,020" in told
    assert f"manage.py job {number(far)} --confirm-size" in told
    assert "Cancel Cancelling now contacts nobody." in told
    assert run("job", number(far), "--json").document["extraction"]["awaits_confirmation_of"] == 12_480


@pytest.mark.parametrize("how", [("--confirm-size", "12480"), ("--confirm-size", "--yes")])
def test_the_size_is_confirmed(far: Job, alice: User, how: tuple[str, ...]) -> None:
    said = run("job", number(far), *how)
    far.refresh_from_db()
    assert (said.code, far.size_confirmed, far.size_confirmed_by) == (0, 12_480, alice)
    assert "12,480 recipients are confirmed." in said.out


def test_programs_are_told_of_the_job_that_goes_on(far: Job) -> None:
    said = run("job", number(far), "--confirm-size", "12480", "--json")
    assert said.document["extraction"]["confirmed"] == 12_480
    assert said.document["extraction"]["awaits_confirmation_of"] is None
    assert "12,480 recipients are confirmed." in said.err


def test_another_size_than_was_said_is_refused(far: Job) -> None:
    said = run("job", number(far), "--confirm-size", "12000", "--json")
    far.refresh_from_db()
    assert (said.code, far.size_confirmed) == (1, None)
    assert "has 12,480 records now, not 12,000" in said.err
    assert said.document["refused"].startswith("The Audience has 12,480 records now")


def test_without_a_terminal_the_size_is_said_beforehand(far: Job) -> None:
    said = run("job", number(far), "--confirm-size")
    far.refresh_from_db()
    assert (said.code, far.size_confirmed) == (2, None)
    assert "--confirm-size 12480, or with --yes" in said.err


@pytest.mark.parametrize(("answer", "code", "confirmed"), [("yes", 0, 12_480), ("no", 1, None)])
def test_on_a_terminal_the_size_is_confirmed_after_the_question(
    far: Job, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, confirmed: int | None
) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    said = run("job", number(far), "--confirm-size")
    far.refresh_from_db()
    assert (said.code, far.size_confirmed) == (code, confirmed)
    assert "Nobody is contacted before somebody confirms." in said.err
    assert "Go on with 12,480 recipients?" in said.err


def test_a_size_that_changed_while_the_question_was_read_is_not_confirmed(
    far: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard("yes", lambda: standing.waiting(far, 13_000)))
    said = run("job", number(far), "--confirm-size")
    far.refresh_from_db()
    assert (said.code, far.size_confirmed) == (1, None)
    assert "has 13,000 records now" in said.err


def test_a_job_that_does_not_wait_has_nothing_to_confirm(job: Job) -> None:
    for how in (("--confirm-size",), ("--confirm-size", "3")):
        said = run("job", number(job), *how)
        assert said.code == 1
        assert "The Job does not wait for a confirmation" in said.err


@pytest.mark.usefixtures("charlie")
def test_who_may_not_see_the_job_confirms_nothing(far: Job) -> None:
    assert run("job", number(far), "--confirm-size", "12480", "--by", "charlie").code == 2
    far.refresh_from_db()
    assert far.awaits_confirmation


# --- the extraction, and the proof -----------------------------------------------------------------------


def test_how_far_the_extraction_is_is_told(job: Job) -> None:
    standing.reading(job, size=1_000, extracting=400, extracting_bytes=5_000, dropped_invalid=100)
    told = " ".join(run("job", number(job)).out.split())
    assert "Extracted 400 so far, 50.0 % of the rows that were counted last" in told
    assert "Dropped 100 rows: 100 invalid" in told
    assert run("job", number(job), "--json").document["extraction"] == {
        "records": 400,
        "bytes": 5_000,
        "share": 0.5,
        "dropped": {"missing": 0, "invalid": 100, "duplicate": 0},
        "awaits_confirmation_of": None,
        "confirmed": None,
    }


def test_behind_the_freeze_the_window_is_closed(sent: Job) -> None:
    assert "The window for an Extraction Cancel has closed." in run("job", number(sent)).out


def test_after_an_extraction_cancel_the_proof_is_told(job: Job, alice: User) -> None:
    control.ask(job, Wish.CANCEL, by=alice, seen=job.version)
    told = " ".join(run("job", number(job)).out.split())
    assert "Request ID none: the Cloud has not accepted it" in told
    assert "Submission Never attempted: the extraction had not finished" in told
    assert "The Cloud not confirmed yet: it is asked until it answers" in told
    assert run("job", number(job), "--json").document["cloud_knows_nothing_since"] is None
    Job.objects.filter(pk=job.pk).update(denied_at=Now())
    told = " ".join(run("job", number(job)).out.split())
    assert "(just now): it knows no such mailing" in told
    assert run("job", number(job), "--json").document["cloud_knows_nothing_since"]


# --- waiting ---------------------------------------------------------------------------------------------


def test_waiting_for_a_cancel_asked_here_is_no_failure(job: Job) -> None:
    said = run("job", number(job), "--cancel", "--yes", "--wait", "--json")
    assert said.code == 0
    assert (said.document["state"], said.document["failure"]) == ("failed", "extraction_cancelled")


def test_waiting_for_a_job_that_failed_is_one(job: Job) -> None:
    lifecycle.fail(job, Failure.AUDIENCE_SQL, "The SQL has no FROM.")
    said = run("job", number(job), "--wait", "--json")
    assert said.code == 1
    assert said.document["failure"] == "audience_sql"
    assert "Failed: The SQL has no FROM. Nobody was contacted." in said.err


@pytest.mark.parametrize("waiting", [("--wait",), ("--until", "paused"), ("--wait", "--until", "paused")])
def test_a_pause_is_waited_for_until_it_is_granted(job: Job, waiting: tuple[str, ...]) -> None:
    said = run("job", number(job), "--pause", "--json", *waiting)
    assert (said.code, said.document["state"]) == (0, "paused")
    assert said.err.splitlines()[-1] == "Paused"


@pytest.mark.django_db
def test_an_id_that_no_job_has_is_said_whatever_is_asked() -> None:
    assert run("job", str(uuid.uuid4()), "--pause").code == 2


def test_to_ask_something_a_job_is_named_by_more_than_a_letter(job: Job) -> None:
    assert number(job) in run("job", number(job)[0]).out
    said = run("job", number(job)[:7], "--cancel", "--yes")
    assert (said.code, "at least 8 characters" in said.err) == (2, True)
    job.refresh_from_db()
    assert job.state == State.INITIALIZING
    assert run("job", number(job)[:8], "--cancel", "--yes").code == 0
