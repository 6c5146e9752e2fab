"""Logs in and launches through the pages, as a browser does."""

import re
import uuid

import httpx2

from accelerator.benches import BenchFailed

FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Browser:
    """One person's, with her cookies and kept connections."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        self.http.close()

    def log_in(self, username: str, password: str) -> None:
        """Raises BenchFailed."""
        fields = self.form("/login/") | {"username": username, "password": password}
        if self.http.post("/login/", data=fields).status_code != 302:
            raise BenchFailed("The log-in page does not let us in.")

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of a page's form: what makes it ours, and once only."""
        return dict(FIELD.findall(self.http.get(path).text))

    def launch(self, campaign: int, fields: dict[str, str]) -> uuid.UUID:
        """Confirm the launch; the Job's id. Raises BenchFailed."""
        answer = self.http.post(f"/campaigns/{campaign}/launch/", data=fields)
        found = re.fullmatch(r"/jobs/([0-9a-f-]{36})/", answer.headers.get("Location", ""))
        if not found:
            raise BenchFailed(f"The launch was not taken: the page answered {answer.status_code}.")
        return uuid.UUID(found[1])
