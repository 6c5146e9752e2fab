"""What a person does on the pages, and what she reads there."""

import os
import re
from pathlib import Path

from playwright.sync_api import Page, expect

SOON = 20_000  # milliseconds
LONG = 240_000


class Person:
    """Somebody in front of a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def log_in(self, username: str, password: str) -> "Person":
        self.page.goto(f"{self.url}/login/")
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(re.compile("campaigns|jobs|admin"))
        return self

    def launch(self, campaign: str) -> None:
        """From the list to Job Analytics, the way the button leads."""
        self.page.goto(f"{self.url}/campaigns/")
        self.page.get_by_role("link", name=campaign, exact=True).click()
        self.picture("overview")
        self.page.get_by_role("link", name="Launch", exact=True).click()
        self.page.get_by_role("button", name="Launch the campaign").click()
        self.page.wait_for_url(re.compile("/jobs/"))

    def choose(self, wish: str) -> None:
        """From the state's drop-down."""
        self.page.locator("#state-button").click()
        self.page.get_by_role("menuitem", name=wish).click()

    def cancel(self, why: str = "") -> None:
        """With its confirmation."""
        self.choose("Cancel")
        self.page.locator("#why-cancel").fill(why)
        self.picture("cancel")
        self.page.get_by_role("button", name="Cancel the Job").click()

    def sees_state(self, state: str, within: int = SOON) -> None:
        expect(self.page.locator("#state-button")).to_contain_text(state, timeout=within)

    def sees_message(self, text: str) -> None:
        expect(self.page.locator("#messages")).to_contain_text(text, timeout=SOON)

    def request_id(self) -> str:
        """Waits until there is one."""
        expect(self.page.locator("#request-id")).to_have_text(re.compile("^02-"), timeout=SOON)
        return self.page.locator("#request-id").inner_text()

    def counts(self) -> dict[str, int]:
        """The equation as the page shows it: every class by its name, and the total as "total"."""
        rows: dict[str, int] = self.page.evaluate(
            "() => Object.fromEntries([...document.querySelectorAll('.legend tbody tr')].map(row =>"
            " [row.id.replace('row-', ''), Number(row.querySelector('td').textContent.replace(/[^0-9]/g, ''))]))"
        )
        total = self.page.locator(".legend tfoot td").first.inner_text()
        # At rest the classes of the road are empty, and the page leaves them out.
        road = dict.fromkeys(("deferred", "in_flight", "waiting", "not_transferred"), 0)
        return road | rows | {"total": int(re.sub(r"[^0-9]", "", total))}

    def counts_or_none(self) -> dict[str, int]:
        """The same, empty before there are any."""
        return self.counts() if self.page.locator(".legend tfoot td").count() else {}

    def picture(self, name: str) -> None:
        """For people to look at, if SCREENSHOTS names a folder."""
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
