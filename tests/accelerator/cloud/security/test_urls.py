"""Every address of the Cloud x {nobody, the dashboard}: who gets which answer, by which method; and the headers."""

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accelerator import protocol
from accelerator.cloud.models import LogEntry, Mailing, Objection, SeenNonce, Suppression

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass(frozen=True)
class Row:
    """An address as the resolver has it, and what its methods answer: (to nobody, to a signed request).

    Nothing is in the request's body, and nothing is known under the key: a request that is let in is answered
    404 or 422. All other methods are refused.
    """

    route: str
    answers: dict[str, tuple[int, int]]
    names: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self.names[found[1]], self.route)


KEY, TOKEN = {"key": str(uuid.uuid4()), "number": "0", "act": str(uuid.uuid4())}, {"token": "x" * 40}
# A link proves by itself who asks; this one was written by nobody.
LINK = {"GET": (404, 404), "HEAD": (404, 404)}

TABLE = (
    Row("healthz", {"GET": (200, 200), "HEAD": (200, 200)}),
    Row("readyz", {"GET": (503, 503), "HEAD": (503, 503)}),  # no sweep runs here
    Row("metrics", {"GET": (401, 401), "HEAD": (401, 401)}),  # they ask for a token of their own
    Row("o/<str:token>", LINK, TOKEN),
    Row("c/<str:token>", LINK, TOKEN),
    Row("t/<str:token>", LINK, TOKEN),
    Row("u/<str:token>", LINK | {"POST": (404, 404)}, TOKEN),
    Row("w/<str:name>", dict.fromkeys(METHODS, (404, 404)), {"name": "nobody"}),
    Row("v1/", dict.fromkeys(METHODS, (404, 404))),
    Row("v1/openapi.json", {"GET": (200, 200), "HEAD": (200, 200)}),
    Row("v1/mailings/<key>", {"GET": (401, 404), "PUT": (401, 422)}, KEY),
    Row("v1/mailings/<key>/batches/<number>", {"PUT": (401, 404)}, KEY),
    Row("v1/mailings/<key>/control", {"PUT": (401, 422)}, KEY),
    Row("v1/mailings/<key>/rate", {"PUT": (401, 422)}, KEY),
    Row("v1/mailings/<key>/unknowns", {"GET": (401, 404)}, KEY),
    Row("v1/mailings/<key>/releases/<act>", {"PUT": (401, 422)}, KEY),
    Row("v1/senders/<sender>/gone", {"PUT": (401, 422)}, {"sender": "1"}),
    Row("v1/mailings/<key>/events", {"GET": (401, 404)}, KEY),
    Row("v1/mailings/<key>/recipients", {"GET": (401, 422)}, KEY),
    Row("v1/suppressions", {"GET": (401, 200), "POST": (401, 422), "DELETE": (401, 422)}),
    Row("v1/suppressions/search", {"POST": (401, 422)}),
    Row("v1/complaints", {"POST": (401, 422)}),
    Row("v1/health", {"GET": (401, 200)}),
)

PAGES = ("/nowhere", "/", "/v1/", "/healthz/", "/o/", "/static/x.css", "/admin/", "/login/")


@pytest.fixture(autouse=True)
def _with_metrics(settings: LazySettings) -> None:
    settings.METRICS_TOKEN = "t" * 40


def routes(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def ask(method: str, url: str, *, signed: bool) -> "Response":
    (key,) = settings.CLOUD_KEYS.values()
    headers = protocol.sign(key, method, url, b"", at=int(time.time())) if signed else {}
    return Client(raise_request_exception=False).generic(method, url, headers=headers)


def stored() -> list[int]:
    """How much there is of what a stranger might change."""
    return [model.objects.count() for model in (Mailing, Suppression, Objection, LogEntry)]


def test_every_address_is_in_the_table_once_and_the_table_has_no_others() -> None:
    known = set(routes(get_resolver().url_patterns))
    assert sorted(row.route for row in TABLE) == sorted(known)


@pytest.mark.parametrize("signed", [False, True], ids=["nobody", "the dashboard"])
def test_every_address_answers_as_the_table_says(signed: bool) -> None:
    before, wrong = stored(), []
    for row in TABLE:
        for method, expected in row.answers.items():
            status = ask(method, row.url, signed=signed).status_code
            if status != expected[signed]:
                wrong.append((method, row.route, status, expected[signed]))
    assert not wrong
    assert stored() == before


def test_nobody_uses_up_a_nonce() -> None:
    for row in TABLE:
        for method in row.answers:
            ask(method, row.url, signed=False)
    assert not SeenNonce.objects.exists()


@pytest.mark.parametrize("signed", [False, True], ids=["nobody", "the dashboard"])
def test_methods_that_are_not_offered_are_refused(signed: bool) -> None:
    wrong = [
        (method, row.route)
        for row in TABLE
        for method in METHODS
        if method not in row.answers and ask(method, row.url, signed=signed).status_code != 405
    ]
    assert not wrong


# --- headers --------------------------------------------------------------------------------------------


def test_no_type_is_guessed_and_no_address_is_told_to_others() -> None:
    for url in (*PAGES, *(row.url for row in TABLE)):
        for method in METHODS:
            response = ask(method, url, signed=False)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert not response.cookies


def test_pages_behind_links_have_the_strict_policy_and_are_kept_by_nobody() -> None:
    for row in TABLE:
        if row.names is TOKEN:
            response = ask("GET", row.url, signed=False)
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src" not in policy
            assert "frame-ancestors 'none'" in policy
            assert "no-store" in response.headers["Cache-Control"]


def test_every_other_page_has_a_policy_too() -> None:
    for url in PAGES:
        response = ask("GET", url, signed=False)
        assert "default-src 'none'" in response.headers.get("Content-Security-Policy", ""), url
        assert response.headers.get("X-Frame-Options") == "DENY", url


def test_answers_of_the_api_are_kept_by_nobody() -> None:
    """They name people, and what a cache has kept is given to whoever asks for it, signed or not."""
    for row in TABLE:
        for method, (unsigned, _) in row.answers.items():
            if unsigned == 401 and row.route != "metrics":
                response = ask(method, row.url, signed=True)
                assert "no-store" in response.headers.get("Cache-Control", ""), row.route
