"""An admin enters Warehouses, tries them out, reads about their connectors; the browser allows nothing inline."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from jobs.models import Kind, Warehouse
from jobs.warehouses import guide, secrets
from tests.jobs import cast
from tests.jobs.warehouses.postgresql import elephants
from tests.journeys.person import Person
from tests.warehouses import Connection, postgresql

pytestmark = pytest.mark.journey


@pytest.fixture(scope="session", autouse=True)
def beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop in this thread, in which Django would ask no database, nor make or remove one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Connection]:
    with elephants.database("browsed") as admin:
        yield admin


@pytest.fixture
def ada(live_server: LiveServer, page: Page) -> Person:
    User.objects.create_superuser("ada", "ada@northwind.example", "password")
    return Person(page, live_server.url).log_in("ada", "password")


def test_what_is_said_of_a_kind_is_seen_when_it_is_chosen_and_a_secret_never(ada: Person) -> None:
    page = ada.page
    page.goto(f"{ada.url}/admin/jobs/warehouse/add/")
    expect(page.get_by_text("how to connect").locator("visible=true")).to_have_count(0)
    for kind in Kind:
        page.select_option("#id_kind", kind)
        shown = page.locator(".of-kind:visible")
        expect(shown).to_have_count(3)
        expect(shown.nth(1)).to_contain_text(guide.of(kind).location)
        never = expect(shown.first)
        (never.not_to_contain_text if guide.proven(kind) else never.to_contain_text)("Never run against")
    ada.picture("warehouse-add")
    page.fill("#id_name", "Shop")
    page.select_option("#id_kind", Kind.POSTGRESQL)
    page.fill("#id_location", "postgresql://reader@127.0.0.1:1/shop")
    page.fill("#id_new_secret", "line one\nline two")
    dots = page.locator("#id_new_secret").evaluate("e => getComputedStyle(e).webkitTextSecurity")
    assert dots == "disc"
    ada.picture("warehouse-secret")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("#id_new_secret")).to_have_value("")
    assert "line one" not in page.content()
    assert secrets.unseal(Warehouse.objects.get().secret) == "line one\nline two"
    ada.picture("warehouse-change")


def test_a_warehouse_is_tried_out_and_the_right_role_is_copied(
    ada: Person, shop: Connection, tmp_path: Path
) -> None:
    page, info = ada.page, shop.info
    cast.customers(tmp_path / "files.duckdb", [(1, "ann@example.com", "Ann")])
    postgresql(shop, f"browsed_{elephants.RUN}", name="Reader").save()
    postgresql(shop, info.user, name="Superuser").save()
    Warehouse.objects.create(name="Away", kind=Kind.POSTGRESQL, location="postgresql://me@127.0.0.1:1/shop")
    page.goto(f"{ada.url}/admin/jobs/warehouse/")
    ada.picture("warehouses")
    page.get_by_role("link", name="Superuser").click()
    page.get_by_role("button", name="Test what is saved").click()
    expect(page.locator(".verdict")).to_contain_text("is a superuser")
    page.get_by_role("button", name="Copy").click()
    copied = page.locator("[data-copied]").get_attribute("data-copy")
    assert copied
    assert 'CREATE ROLE "accelerator_reader" LOGIN NOSUPERUSER' in copied
    ada.picture("warehouse-unsafe")
    page.goto(f"{ada.url}/admin/jobs/warehouse/")
    page.check("#action-toggle")
    page.select_option("select[name=action]", "test")
    page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()
    expect(page.locator(".trial-answers")).to_have_count(2)
    expect(page.locator(".trial-fails")).to_contain_text("can't be reached")
    expect(page.locator(".trial-unsafe")).to_have_count(1)
    ada.picture("warehouses-tried")


def test_each_connector_has_a_page_that_says_whether_it_was_ever_run(ada: Person) -> None:
    page = ada.page
    page.goto(f"{ada.url}/admin/jobs/warehouse/")
    page.get_by_role("link", name="Connectors").click()
    ada.picture("connectors")
    for kind in Kind:
        page.goto(f"{ada.url}/admin/jobs/warehouse/connectors/")
        page.get_by_role("link", name=guide.name(kind), exact=True).click()
        assert urlsplit(page.url).path.endswith(f"/connectors/{kind}/")
        expect(page.locator("#tried.unproven")).to_have_count(0 if guide.proven(kind) else 1)
        ada.picture(f"connector-{kind}")


def test_no_page_of_the_admin_needs_what_the_policy_forbids(ada: Person, tmp_path: Path) -> None:
    """The console would say so (`page`)."""
    warehouse = cast.customers(tmp_path / "shop.duckdb", [(1, "ann@example.com", "Ann")])
    user = User.objects.get()
    job = cast.job(warehouse, user)
    pages = [reverse("admin:index"), reverse("admin:password_change")]
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if name != "jobs_suppression":  # which leads away to a page of its own
            pages.append(reverse(f"admin:{name}_changelist"))
        for one in (warehouse, user, job, cast.account()):
            if isinstance(one, model):
                pages += [reverse(f"admin:{name}_{act}", args=[one.pk]) for act in ("change", "history")]
    for path in pages:
        answer = ada.page.goto(f"{ada.url}{path}")
        assert answer
        assert answer.status == 200, path
        expect(ada.page.locator("#content h1")).to_be_visible()
