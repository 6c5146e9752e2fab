"""The admin of Jobs is read-only; its actions go through the door; a Warehouse's password never comes out."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.models import Ask, Job, Kind, Warehouse
from jobs.states import State, Wish
from jobs.warehouses import secrets
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
    for name in ("notice", "step"):
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
