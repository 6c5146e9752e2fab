"""The page of a Job before the freeze, in a browser: progress, the size that is confirmed, the proof after a cancel."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models.functions import Now
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from jobs import control
from jobs.models import Job
from jobs.states import Wish
from tests.jobs import cast
from tests.jobs.views import standing
from tests.journeys.person import SOON, Person

pytestmark = pytest.mark.journey

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="session", autouse=True)
def beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop in this thread, in which Django would ask no database, nor make or remove one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture
def bob(live_server: LiveServer, page: Page) -> Person:
    cast.person("bob", cast.account())
    return Person(page, live_server.url).log_in("bob", "password")


@pytest.fixture
def job(bob: Person, settings: Settings, tmp_path: Path) -> Job:
    settings.STORAGES = settings.STORAGES | {
        "spool": settings.STORAGES["spool"] | {"OPTIONS": {"location": str(tmp_path / "spool")}}
    }
    warehouse = cast.customers(tmp_path / "shop.duckdb", [(1, "ann@example.com", "Ann")])
    return cast.job(warehouse, cast.person("alice", cast.account()))


def look(person: Person, job: Job, name: str) -> None:
    """Wide and narrow, light and dark: nothing reaches out of the page."""
    for scheme in ("light", "dark"):
        person.page.emulate_media(color_scheme=scheme)
        for shape, size in (("wide", WIDE), ("narrow", NARROW)):
            person.page.set_viewport_size(size)  # type: ignore[arg-type]
            wider = person.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wider <= 0, f"{name}, {shape}"
            person.picture(f"{name}-{shape}-{scheme}")
    person.page.emulate_media(color_scheme="light")
    person.page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def test_progress_comes_by_itself(bob: Person, job: Job) -> None:
    standing.reading(
        job, size=2_000_000, extracting=412_500, extracting_bytes=31_400_000, dropped_invalid=212
    )
    bob.page.goto(f"{bob.url}{job.get_absolute_url()}")
    expect(bob.page.locator("#equation-title")).to_have_text("412,500 extracted so far")
    expect(bob.page.locator("#window")).to_have_text("Cancelling now contacts nobody.")
    standing.reading(
        job, size=2_000_000, extracting=1_240_000, extracting_bytes=94_000_000, dropped_invalid=640
    )
    expect(bob.page.locator("#equation-title")).to_have_text("1,240,000 extracted so far", timeout=SOON)
    assert 0.61 < float(bob.page.locator(".job-reading").get_attribute("value") or 0) < 0.63
    look(bob, job, "extracting")


def test_a_size_is_confirmed_and_the_page_goes_on(bob: Person, job: Job) -> None:
    bob.page.goto(f"{bob.url}{job.get_absolute_url()}")
    standing.waiting(job)
    expect(bob.page.locator("#size")).to_contain_text("Is this size meant?", timeout=SOON)
    look(bob, job, "size")
    bob.page.get_by_role("button", name="Go on with 12,480 recipients").click()
    bob.sees_message("12,480 recipients are confirmed.")
    expect(bob.page.locator("#size")).to_have_count(0)
    expect(bob.page.locator(".timeline")).to_contain_text("Size confirmed: 12,480 recipients by bob")
    job.refresh_from_db()
    assert job.size_confirmed == 12_480
    look(bob, job, "confirmed")


def test_after_an_extraction_cancel_the_proof_arrives(bob: Person, job: Job) -> None:
    standing.waiting(job)
    bob.page.goto(f"{bob.url}{job.get_absolute_url()}")
    bob.cancel("wrong audience")
    bob.sees_state("Failed")
    expect(bob.page.locator("#failure")).to_contain_text("Never attempted")
    expect(bob.page.locator("#failure")).not_to_contain_text("it knows no such mailing")
    look(bob, job, "cancelled")
    Job.objects.filter(pk=job.pk).update(denied_at=Now())
    expect(bob.page.locator("#failure")).to_contain_text("it knows no such mailing", timeout=SOON)
    look(bob, job, "denied")


def test_the_list_of_dropped_rows_is_taken_away(bob: Person, job: Job) -> None:
    place = storages["spool"].save(f"{job.pk}/dropped-1.csv", ContentFile(b"reason,recipient_id,email\n"))
    Job.objects.filter(pk=job.pk).update(dropped_file=place, dropped_invalid=1_200, dropped_duplicate=31)
    job.refresh_from_db()
    standing.halfway(job)
    bob.page.goto(f"{bob.url}{job.get_absolute_url()}")
    look(bob, job, "dropped")
    with bob.page.expect_download() as download:
        bob.page.get_by_role("link", name="Download the list").click()
    assert download.value.suggested_filename == f"dropped-{job.pk}.csv"
    assert Path(download.value.path()).read_bytes() == b"reason,recipient_id,email\n"
    expect(bob.page.locator("#dropped-list")).to_be_visible()


def test_a_pause_while_it_waits_is_no_answer(bob: Person, job: Job) -> None:
    standing.waiting(job)
    bob.page.goto(f"{bob.url}{job.get_absolute_url()}")
    bob.choose("Pause")
    bob.sees_state("Paused")
    expect(bob.page.locator("#size")).to_have_count(0)
    look(bob, job, "paused")
    assert control.offers(Job.objects.get(pk=job.pk)) == (Wish.RESUME, Wish.CANCEL)
