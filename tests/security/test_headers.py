"""What every answer says to browsers and caches, whatever is asked, whoever asks, and whatever comes of it."""

import pytest
from django.conf import LazySettings
from django.test import Client

from tests.security.table import TABLE
from tests.security.visiting import Visit, visits
from tests.security.world import World

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = {
    "default-src": {"'none'"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'", "data:"},
    "font-src": {"'self'"},
    "connect-src": {"'self'"},
    "frame-src": {"'self'"},
    "form-action": {"'self'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'none'"},
}
# A message in its frame: it styles itself, shows pictures from elsewhere, and does nothing else.
MESSAGE = {
    "default-src": {"'none'"},
    "style-src": {"'unsafe-inline'"},
    "img-src": {"https:", "data:"},
    "form-action": {"'none'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'self'"},
    "sandbox": set(),
}
MESSAGES = {"campaigns/templates/draft/", "campaigns/templates/<int:pk>/preview/"}

# What a login is not needed for, or what Django keeps of its own: no persons are on it.
IMPERSONAL = {
    *("", "login/", "logout/", "healthz", "readyz", "metrics", "admin/", "admin/login/", "admin/logout/"),
    *("admin/password_change/", "admin/password_change/done/", "admin/autocomplete/", "admin/jsi18n/"),
    "admin/(?P<url>.*)$",
}


def policy(seen: Visit) -> dict[str, set[str]]:
    """The directives of the policy, each with its sources; a nonce is a source that is not compared."""
    found = {}
    for directive in seen.response.headers.get("Content-Security-Policy", "").split(";"):
        name, *sources = directive.split()
        found[name] = {source for source in sources if not source.startswith("'nonce-")}
    return found


def all_visits(world: World, role: str) -> list[Visit]:
    """Of every address, by every method that it offers."""
    browser = world.browser(role)
    read = visits([row for row in TABLE if row.get], world, browser, "get")
    return [*read, *visits([row for row in TABLE if row.post], world, browser, "post")]


@pytest.mark.parametrize("role", ["anonymous", "admin"])
def test_every_answer_has_the_strict_policy_and_the_headers_that_go_with_it(world: World, role: str) -> None:
    wrong = []
    for seen in all_visits(world, role):
        framed = seen.row.route in MESSAGES and seen.response.status_code == 200
        expected = SECURITY | {"X-Frame-Options": "SAMEORIGIN"} if framed else SECURITY
        headers = {name: seen.response.headers.get(name) for name in expected}
        if headers != expected or policy(seen) != (MESSAGE if framed else POLICY):
            wrong.append((seen.row.route, seen.answer, headers, policy(seen)))
    assert not wrong


@pytest.mark.parametrize(
    "url", ["/nowhere", "/static/nowhere.css", "/healthz/nowhere/", "/campaigns/x/", "/%00", "/<script>"]
)
@pytest.mark.django_db
def test_so_has_what_is_not_there(client: Client, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 404
    assert {name: response.headers.get(name) for name in SECURITY} == SECURITY
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_pages_about_persons_are_in_no_shared_cache(world: World) -> None:
    """What is posted is in none anyway (RFC 9110, section 9.3.3)."""
    rows, kept = [row for row in TABLE if row.route not in IMPERSONAL], []
    for seen in visits([row for row in rows if row.get], world, world.browser("admin"), "get"):
        allowed = seen.response.headers.get("Cache-Control", "")
        if seen.response.status_code < 400 and not {"private", "no-store"} & set(allowed.split(", ")):
            kept.append(seen.row.route)
    assert not kept


@pytest.mark.django_db
def test_static_files_are_the_same_for_everybody_and_no_type_is_guessed(settings: LazySettings) -> None:
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True  # nothing is collected here
    response = Client().get("/static/css/base.css")
    assert response.getvalue()
    assert response.status_code == 200
    assert response.headers.get("X-Content-Type-Options") == "nosniff"
    assert "public" in response.headers["Cache-Control"]
    assert not response.cookies
