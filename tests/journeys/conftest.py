"""A browser, and a house for each process that runs journeys. With SCREENSHOTS=folder each leaves pictures there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys.house import House
from tests.journeys.person import Person


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """Short waits: a refusal is tried again after seconds, and a Job is Completed soon."""
    folder = Path(tempfile.mkdtemp(prefix="journeys-"))
    folder.chmod(0o755)
    house = House(folder / "data", COLLECTING_WINDOW="15s", RETRY_DELAYS="2s,4s,8s", ENGAGEMENT_MINUTES="0")
    (folder / "data").mkdir(mode=0o700)
    house.start()
    yield house
    assert house.stop() == 0
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "The journeys need Chromium: apt-get install chromium, or JOURNEYS=skip make test."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-quic"]
        )
        yield browser
        browser.close()


# htmx reports a poll that an Ask replaces on its way as an error; it is what the page asks for (hx-sync).
REPLACED = ("htmx:sendAbort", "htmx:afterRequest, [object HTMLDivElement]")


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page whose console must stay silent: no script error, nothing the content policy had to forbid."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith(REPLACED)] == []


@pytest.fixture
def alice(page: Page, house: House) -> Person:
    """The marketer, logged in."""
    return Person(page, house.url).log_in("alice", "paths-are-soft")
