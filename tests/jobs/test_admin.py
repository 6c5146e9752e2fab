"""The admin of Jobs is read-only; its actions go through the door; a Warehouse's password never comes out."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import control, health, lifecycle
from jobs.models import Ask, Job, Kind, Notice, Step, SuppressionChange, Warehouse
from jobs.states import Failure, State, Wish
from jobs.warehouses import secrets
from tests.jobs import cast
from tests.jobs.views import standing

CHANGELIST = "admin:jobs_job_changelist"


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("dora", "dora@northwind.example", "password", first_name="Dora")


@pytest.fixture
def browser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def act(browser: Client, action: str, *jobs: Job, **more: str) -> str:
    data = {"action": action, "_selected_action": [str(job.pk) for job in jobs]} | more
    return browser.post(reverse(CHANGELIST), data, follow=True).content.decode()


def test_the_job_is_shown_with_its_ledger_and_nothing_to_save(browser: Client, job: Job, bob: User) -> None:
    standing.paused(job, bob)
    text = browser.get(reverse("admin:jobs_job_change", args=[job.pk])).content.decode()
    assert "wrong banner" in text
    assert 'name="_save"' not in text
    assert "Delete" not in text


def test_nothing_is_added_changed_or_deleted(browser: Client, job: Job) -> None:
    assert browser.get(reverse("admin:jobs_job_add")).status_code == 403
    assert browser.post(reverse("admin:jobs_job_change", args=[job.pk]), {"state": "x"}).status_code == 403
    assert browser.post(reverse("admin:jobs_job_delete", args=[job.pk]), {"post": "yes"}).status_code == 403
    for name in ("notice", "step", "pulse", "suppressionchange"):
        assert browser.get(reverse(f"admin:jobs_{name}_changelist")).status_code == 200
        assert browser.get(reverse(f"admin:jobs_{name}_add")).status_code == 403


def test_pause_and_resume_are_asks_of_the_admin(browser: Client, job: Job, admin: User) -> None:
    assert "Paused. The extraction is being stopped" in act(browser, "pause", job)
    job.refresh_from_db()
    assert job.state == State.PAUSED
    assert job.asks.get().by == admin
    act(browser, "resume", job)
    assert [ask.wish for ask in Ask.objects.order_by("number")] == [Wish.PAUSE, Wish.RESUME]


def test_a_refused_action_says_the_sentence(browser: Client, job: Job) -> None:
    assert "Resume is not possible while the Job is Initializing." in act(browser, "resume", job)
    assert not Ask.objects.exists()


def test_a_cancel_is_confirmed_with_its_numbers_first(browser: Client, job: Job, bob: User) -> None:
    standing.paused(job, bob)
    text = act(browser, "cancel", job)
    assert "30 people have received this message." in text
    assert not job.asks.filter(wish=Wish.CANCEL).exists()
    act(browser, "cancel", job, confirmed="yes", **{f"seen-{job.pk}": str(job.version)})
    assert job.asks.get(wish=Wish.CANCEL).outcome == Ask.Outcome.PENDING


def test_a_cancel_confirmed_on_an_old_page_is_refused(browser: Client, job: Job, bob: User) -> None:
    seen = str(job.version)
    standing.halfway(job)
    text = act(browser, "cancel", job, confirmed="yes", **{f"seen-{job.pk}": seen})
    assert "Too late for an Extraction Cancel" in text
    assert not Ask.objects.exists()


def test_a_password_goes_in_sealed_and_never_comes_out(browser: Client) -> None:
    data = {"name": "Shop", "kind": Kind.POSTGRESQL, "location": "postgresql://reader@shop/db"}
    browser.post(reverse("admin:jobs_warehouse_add"), data | {"password": "hunter22"})
    warehouse = Warehouse.objects.get()
    assert secrets.unseal(warehouse.secret) == "hunter22"
    change = reverse("admin:jobs_warehouse_change", args=[warehouse.pk])
    text = browser.get(change).content.decode()
    assert "hunter22" not in text
    assert warehouse.secret not in text
    browser.post(change, data | {"location": "postgresql://reader@shop/other"})
    warehouse.refresh_from_db()
    assert secrets.unseal(warehouse.secret) == "hunter22"
    browser.post(change, data | {"forget": "on"})
    warehouse.refresh_from_db()
    assert warehouse.secret == ""


def test_a_reference_is_kept_as_it_is(browser: Client) -> None:
    data = {"name": "Shop", "kind": Kind.POSTGRESQL, "location": "postgresql://reader@shop/db"}
    browser.post(reverse("admin:jobs_warehouse_add"), data | {"password": "env:SHOP_PASSWORD"})
    assert Warehouse.objects.get().secret == "env:SHOP_PASSWORD"


def test_a_warehouse_is_tested(browser: Client, warehouse: Warehouse) -> None:
    lost = Warehouse.objects.create(name="Lost", kind=Kind.DUCKDB, location="/nowhere.duckdb")
    data = {"action": "test", "_selected_action": [str(warehouse.pk), str(lost.pk)]}
    text = browser.post(reverse("admin:jobs_warehouse_changelist"), data, follow=True).content.decode()
    assert "Warehouse answers." in text
    assert "nowhere.duckdb does not exist." in text


@pytest.mark.parametrize(
    "location", ["postgresql://reader:hunter22@shop/db", "postgresql://reader:hunter22@[::1]:5432/db"]
)
def test_a_password_in_the_address_is_refused(browser: Client, location: str) -> None:
    data = {"name": "Shop", "kind": Kind.POSTGRESQL, "location": location}
    text = browser.post(reverse("admin:jobs_warehouse_add"), data).content.decode()
    assert "The password does not belong here" in text
    assert not Warehouse.objects.exists()


def test_a_sealed_password_is_in_no_list_and_no_history(browser: Client) -> None:
    data = {"name": "Shop", "kind": Kind.POSTGRESQL, "location": "postgresql://reader@shop/db"}
    browser.post(reverse("admin:jobs_warehouse_add"), data | {"password": "hunter22"})
    warehouse = Warehouse.objects.get()
    assert "hunter22" not in warehouse.secret
    for name, arguments in (("changelist", []), ("history", [warehouse.pk]), ("delete", [warehouse.pk])):
        text = browser.get(reverse(f"admin:jobs_warehouse_{name}", args=arguments)).content.decode()
        assert "Shop" in text
        assert "hunter22" not in text
        assert warehouse.secret not in text


def test_a_deleted_job_is_gone_with_all_that_was_its_own(browser: Client, job: Job, admin: User) -> None:
    lifecycle.fail(job, Failure.INTERNAL, "Something went wrong.")
    assert (
        Notice.objects.get().subject in browser.get(reverse("admin:jobs_notice_changelist")).content.decode()
    )
    control.delete(Job.objects.get(), by=admin)
    notice, step = Notice.objects.get(), Step.objects.filter(job=job)[0]
    for name in ("job", "notice", "step"):
        text = browser.get(reverse(f"admin:jobs_{name}_changelist")).content.decode()
        assert "Autumn sale" not in text
        assert str(job.pk) not in text
    for name, pk in (("job", job.pk), ("notice", notice.pk), ("step", step.pk)):
        assert browser.get(reverse(f"admin:jobs_{name}_change", args=[pk])).status_code == 302
    found = browser.get(reverse(CHANGELIST), {"q": str(job.pk)}).content.decode()
    assert "0 jobs" in found


def test_workers_and_the_sweep_are_looked_at(browser: Client) -> None:
    health.beat("worker one@here", "control jobs")
    text = browser.get(reverse("admin:jobs_pulse_changelist")).content.decode()
    assert "worker one@here" in text
    assert "control jobs" in text


def test_changes_of_the_suppression_list_are_history_without_addresses(browser: Client, admin: User) -> None:
    change = SuppressionChange.objects.create(by=admin, act="removed", digests=["ab" * 16], count=1)
    assert (
        "removed from the list"
        in browser.get(reverse("admin:jobs_suppressionchange_changelist")).content.decode()
    )
    page = reverse("admin:jobs_suppressionchange_change", args=[change.pk])
    assert "ab" * 16 in browser.get(page).content.decode()
    assert browser.post(page, {"count": "5"}).status_code == 403
    assert (
        browser.post(
            reverse("admin:jobs_suppressionchange_delete", args=[change.pk]), {"post": "yes"}
        ).status_code
        == 403
    )


def test_the_suppression_list_is_neither_added_to_nor_deleted_from_here(browser: Client) -> None:
    assert browser.get(reverse("admin:jobs_suppression_add")).status_code == 403


def test_people_and_groups_are_managed_and_no_password_is_shown(browser: Client, alice: User) -> None:
    page = browser.get(reverse("admin:auth_user_change", args=[alice.pk])).content.decode()
    assert alice.password not in page
    assert alice.password.rpartition("$")[2] not in page
    assert browser.get(reverse("admin:auth_user_changelist")).status_code == 200
    group = reverse("admin:auth_group_change", args=[cast.account().pk])
    assert "Can view suppressed address" in browser.get(group).content.decode()
