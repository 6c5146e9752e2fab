"""The admin of Jobs is read-only; its actions go through the door."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import control, health, lifecycle
from jobs.models import Ask, Job, Notice, Step
from jobs.states import Failure, State, Wish
from tests.jobs.views import standing

CHANGELIST = "admin:jobs_job_changelist"


def act(browser: Client, action: str, *jobs: Job, **more: str) -> str:
    data = {"action": action, "_selected_action": [str(job.pk) for job in jobs]} | more
    return browser.post(reverse(CHANGELIST), data, follow=True).content.decode()


def test_the_job_is_shown_with_its_ledger_and_nothing_to_save(dora: Client, job: Job, bob: User) -> None:
    standing.paused(job, bob)
    text = dora.get(reverse("admin:jobs_job_change", args=[job.pk])).content.decode()
    assert "wrong banner" in text
    assert 'name="_save"' not in text
    assert "Delete" not in text


def test_nothing_is_added_changed_or_deleted(dora: Client, job: Job) -> None:
    assert dora.get(reverse("admin:jobs_job_add")).status_code == 403
    assert dora.post(reverse("admin:jobs_job_change", args=[job.pk]), {"state": "x"}).status_code == 403
    assert dora.post(reverse("admin:jobs_job_delete", args=[job.pk]), {"post": "yes"}).status_code == 403
    for name in ("notice", "step", "pulse", "suppressionchange"):
        assert dora.get(reverse(f"admin:jobs_{name}_changelist")).status_code == 200
        assert dora.get(reverse(f"admin:jobs_{name}_add")).status_code == 403


def test_pause_and_resume_are_asks_of_the_admin(dora: Client, job: Job, admin: User) -> None:
    assert "Paused. The extraction is being stopped" in act(dora, "pause", job)
    job.refresh_from_db()
    assert job.state == State.PAUSED
    assert job.asks.get().by == admin
    act(dora, "resume", job)
    assert [ask.wish for ask in Ask.objects.order_by("number")] == [Wish.PAUSE, Wish.RESUME]


def test_a_refused_action_says_the_sentence(dora: Client, job: Job) -> None:
    assert "Resume is not possible while the Job is Initializing." in act(dora, "resume", job)
    assert not Ask.objects.exists()


def test_a_cancel_is_confirmed_with_its_numbers_first(dora: Client, job: Job, bob: User) -> None:
    standing.paused(job, bob)
    text = act(dora, "cancel", job)
    assert "30 people have received this message." in text
    assert not job.asks.filter(wish=Wish.CANCEL).exists()
    act(dora, "cancel", job, confirmed="yes", **{f"seen-{job.pk}": str(job.version)})
    assert job.asks.get(wish=Wish.CANCEL).outcome == Ask.Outcome.PENDING


def test_a_cancel_confirmed_on_an_old_page_is_refused(dora: Client, job: Job, bob: User) -> None:
    seen = str(job.version)
    standing.halfway(job)
    text = act(dora, "cancel", job, confirmed="yes", **{f"seen-{job.pk}": seen})
    assert "Too late for an Extraction Cancel" in text
    assert not Ask.objects.exists()


def test_a_deleted_job_is_gone_with_all_that_was_its_own(dora: Client, job: Job, admin: User) -> None:
    lifecycle.fail(job, Failure.INTERNAL, "Something went wrong.")
    assert Notice.objects.get().subject in dora.get(reverse("admin:jobs_notice_changelist")).content.decode()
    control.delete(Job.objects.get(), by=admin)
    notice, step = Notice.objects.get(), Step.objects.filter(job=job)[0]
    for name in ("job", "notice", "step"):
        text = dora.get(reverse(f"admin:jobs_{name}_changelist")).content.decode()
        assert "Autumn sale" not in text
        assert str(job.pk) not in text
    for name, pk in (("job", job.pk), ("notice", notice.pk), ("step", step.pk)):
        assert dora.get(reverse(f"admin:jobs_{name}_change", args=[pk])).status_code == 302
    found = dora.get(reverse(CHANGELIST), {"q": str(job.pk)}).content.decode()
    assert "0 jobs" in found


def test_workers_and_the_sweep_are_looked_at(dora: Client) -> None:
    health.beat("worker one@here", "control jobs")
    text = dora.get(reverse("admin:jobs_pulse_changelist")).content.decode()
    assert "worker one@here" in text
    assert "control jobs" in text
