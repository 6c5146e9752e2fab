"""A marketer with a browser who does not give up: what is not answered is sent again, as it was."""

import re
import threading
import time
import uuid

import httpx2

from accelerator.demo.people import ALICE
from tests import plain

# Seconds that she tries, and between two tries.
PATIENCE, PAUSE = 90.0, 0.3


class Person:
    """Logged in as the demo's marketer; may be called from any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()
        self._cookies = httpx2.Cookies()

    def log_in(self) -> None:
        with self._client() as http:
            http.get("/login/")
            answer = http.post(
                "/login/",
                data={
                    "username": ALICE.username,
                    "password": ALICE.password,
                    "csrfmiddlewaretoken": http.cookies["accelerator_csrf"],
                },
            )
            assert answer.status_code == 302, f"the log-in page answers {answer.status_code}"
            self._cookies = http.cookies

    def launch(self, campaign: object, token: uuid.UUID) -> uuid.UUID:
        """Press Launch; the Job, however often it took."""
        answer = self._post(f"/campaigns/{campaign}/launch/", {"token": str(token)})
        found = re.fullmatch(r"/jobs/([0-9a-f-]{36})/", answer.headers.get("Location", ""))
        assert found, f"the launch was not taken: the page answered {answer.status_code}"
        return uuid.UUID(found[1])

    def ask(self, job: uuid.UUID, wish: str, seen: object, why: str) -> None:
        """Send the Ask until it is answered; whether it was stored the database knows."""
        self._post(f"/jobs/{job}/ask/", {"wish": wish, "seen": str(seen), "why": why})

    def confirm(self, job: uuid.UUID, size: int) -> None:
        """Confirm the size of the Job's Audience, until that is answered."""
        self._post(f"/jobs/{job}/size/", {"size": str(size)})

    def rate(self, job: uuid.UUID, per_hour: int) -> None:
        """Change the Job's rate, the first time, until that is answered."""
        fields = {"seen": "0", "rate_per_hour": str(per_hour), "domain_rates": "", "why": "a fault"}
        self._post(f"/jobs/{job}/rate/", fields)

    def delete(self, job: uuid.UUID) -> None:
        """Delete the Job, until that is answered."""
        self._post(f"/jobs/{job}/delete/", {"confirmed": "yes"})

    def page(self, path: str) -> httpx2.Response:
        """What a page says; asked again for as long as it is not there."""
        return self._send("GET", path, {})

    def _post(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        return self._send("POST", path, fields)

    def _send(self, method: str, path: str, fields: dict[str, str]) -> httpx2.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self._client() as http:
                    token = {"csrfmiddlewaretoken": http.cookies["accelerator_csrf"]} if fields else {}
                    answer = http.request(method, path, data=fields | token)
                if answer.status_code < 500:
                    return answer
            except httpx2.HTTPError as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{path} is not answered: {type(error).__name__}") from error
            assert time.monotonic() < deadline, f"{path} is answered {answer.status_code}"
            time.sleep(PAUSE)

    def _client(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=self._url,
            timeout=20,
            trust_env=False,
            cookies=self._cookies,
            verify=plain.TRUSTS_NOBODY,
        )
