"""Markup in names, SQL, reasons, refusals, and in what the Cloud says: people read it, and no browser obeys it."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from jobs import client
from jobs.models import Job
from jobs.states import State
from tests.jobs import cast
from tests.jobs.stages.conftest import run, run_until
from tests.security import markup
from tests.security.hostile_cloud import HostileCloud
from tests.security.markup import MARKUP, shown
from tests.security.table import TABLE
from tests.security.visiting import visits
from tests.security.world import World

# A message is the marketer's own HTML, and stands behind a policy and a sandbox of its own (test_headers).
MESSAGES = {"campaigns/templates/draft/", "campaigns/templates/<int:pk>/preview/"}

# Where it must be read, or these tests would look at empty pages.
READ = {
    *("campaigns/", "campaigns/<int:pk>/", "campaigns/<int:pk>/edit/", "campaigns/<int:pk>/launch/"),
    *("campaigns/audiences/", "campaigns/audiences/<int:pk>/", "campaigns/templates/"),
    *("campaigns/templates/<int:pk>/", "campaigns/sending-profiles/", "campaigns/sending-profiles/<int:pk>/"),
    *(
        "jobs/",
        "jobs/<uuid:pk>/",
        "jobs/<uuid:pk>/cancel/",
        "jobs/<uuid:pk>/delete/",
        "jobs/<uuid:pk>/curve/",
        "jobs/<uuid:pk>/timeline/",
    ),
    *(
        "admin/jobs/job/",
        "admin/jobs/job/<path:object_id>/change/",
        "admin/jobs/notice/<path:object_id>/change/",
    ),
    *("admin/auth/user/", "admin/campaigns/campaign/", "admin/jobs/warehouse/"),
}


@pytest.mark.parametrize("role", ["marketer", "admin"])
def test_what_is_stored_is_text_on_every_page(world: World, role: str) -> None:
    assert markup.everywhere() >= 50
    readable = [row for row in TABLE if row.get and row.route not in MESSAGES]
    read = set()
    for seen in visits(readable, world, world.browser(role), "get"):
        kind = seen.response.headers.get("Content-Type", "")
        if kind.startswith("text/html") and shown(seen.response.content.decode()):
            read.add(seen.row.route)
    if role == "admin":
        assert read >= READ


@pytest.mark.parametrize("role", ["marketer", "admin"])
def test_what_is_typed_is_text_on_the_page_that_refuses_it(world: World, role: str) -> None:
    """Every field of every form that the table posts, and some more."""
    browser, read = world.browser(role), set()
    for row in TABLE:
        if row.post and row.route not in MESSAGES | {"logout/"} and not row.route.startswith("admin/"):
            form = dict.fromkeys([*row.body(world), "q", "wish", "act", "username", "html", "sql"], MARKUP)
            address = "/" + row.route.replace("<int:pk>", str(world.campaign.pk)).replace(
                "<uuid:pk>", str(world.rested.pk)
            )
            response = browser.post(address, form)
            if shown(response.content.decode()):
                read.add(row.route)
    assert read >= {"campaigns/new/", "campaigns/audiences/new/", "campaigns/sending-profiles/new/"}


def test_what_is_searched_for_is_text(world: World) -> None:
    browser = world.browser("admin")
    for url in ("/campaigns/", "/campaigns/audiences/", "/campaigns/templates/", "/jobs/"):
        assert shown(browser.get(url, {"q": MARKUP, "page": MARKUP}).content.decode())
    assert shown(browser.get("/admin/jobs/job/", {"q": MARKUP}).content.decode())


def test_what_is_not_there_is_text(world: World) -> None:
    for url in (f"/{MARKUP}", f"/jobs/{MARKUP}/", f"/admin/{MARKUP}", f"/campaigns/?{MARKUP}={MARKUP}"):
        shown(world.browser("admin").get(url).content.decode())


# --- what the Cloud says --------------------------------------------------------------------------------


@pytest.fixture
def hostile_cloud(settings: Settings) -> Iterator[None]:
    with HostileCloud() as cloud:
        settings.CLOUD_URL = cloud.url
        client.cloud.cache_clear()
        yield
        client.cloud().close()
        client.cloud.cache_clear()


@pytest.fixture
def told(hostile_cloud: None, transactional_db: None, settings: Settings, tmp_path: Path) -> Job:
    """A Job that the Cloud has had its say about."""
    settings.STORAGES = settings.STORAGES | {
        "spool": settings.STORAGES["spool"] | {"OPTIONS": {"location": str(tmp_path / "spool")}}
    }
    warehouse = cast.customers(
        tmp_path / "shop.duckdb", [(1, "a@example.com", "A"), (2, "b@example.com", "B")]
    )
    link = '<a href="javascript:alert(1)//{{ first_name }}">x</a>'
    job = cast.job(warehouse, cast.person("alice", cast.account()), html=link)
    run(job, "initializing")
    job = run_until(job, "processing", State.COLLECTING)
    run(job, "collecting")
    return job


def test_what_the_cloud_says_of_a_job_is_text(told: Job) -> None:
    browser = Client()
    browser.force_login(cast.person("bob", cast.account()))
    page = browser.get(told.get_absolute_url()).content.decode()
    assert shown(page)
    # The Request ID, why it is held, a category, a link of the Template.
    assert html.unescape(page).count(MARKUP) >= 4
    assert "javascript:alert(1)" in html.unescape(page)
    for outcome in ("delivered", "bounced", "suppressed", "render_errors", "unknown", "deferred"):
        assert shown(browser.get(f"{told.get_absolute_url()}recipients/{outcome}/").content.decode())
    for part in ("cancel/", "curve/"):
        shown(browser.get(told.get_absolute_url() + part).content.decode())
    assert shown(browser.get("/jobs/", {"q": MARKUP}).content.decode())


def test_what_the_cloud_says_of_its_list_is_text(world: World, hostile_cloud: None) -> None:
    browser = world.browser("admin")
    assert shown(browser.get("/suppressions/").content.decode())
    found = browser.post("/suppressions/", {"act": "find", "address": "a@example.com"})
    assert shown(found.content.decode())
    shown(browser.post("/suppressions/", {"act": "remove", "address": "a@example.com"}).content.decode())
