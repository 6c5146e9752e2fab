"""Every page: behind the login, under the strict policy; and the pages of errors."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.jobs.cast import account, person

# Django's own: the login itself; and what watches us (the metrics ask for a token).
OPEN = {"login", "healthz", "readyz", "metrics", "logout"}


def views(patterns: list[URLPattern | URLResolver]) -> list[URLPattern]:
    found: list[URLPattern] = []
    for pattern in patterns:
        found += views(pattern.url_patterns) if isinstance(pattern, URLResolver) else [pattern]
    return found


def test_every_view_but_the_login_asks_for_a_login() -> None:
    for pattern in views(get_resolver().url_patterns):
        if pattern.name not in OPEN and not (pattern.lookup_str or "").startswith("django.contrib.admin"):
            assert getattr(pattern.callback, "login_required", True), pattern


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/", "/campaigns/", "/campaigns/1/", "/jobs/", "/suppressions/", "/admin/"])
def test_a_stranger_is_sent_to_the_login(client: Client, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 302
    assert "login" in response["Location"]


@pytest.mark.django_db
def test_the_login_says_what_this_is_and_leads_to_where_one_wanted_to_go(client: Client) -> None:
    person("alice", account())
    page = client.get("/login/?next=/campaigns/audiences/")
    assert "straight from your company’s own data warehouse" in page.content.decode()
    form = {"username": "alice", "password": "password", "next": "/campaigns/audiences/"}
    assert client.post("/login/", form)["Location"] == "/campaigns/audiences/"


@pytest.mark.django_db
def test_a_wrong_password_is_said_and_the_name_stays(client: Client) -> None:
    response = client.post("/login/", {"username": "alice", "password": "no"})
    assert 'role="alert"' in response.content.decode()
    assert 'value="alice"' in response.content.decode()


@pytest.mark.django_db
def test_logging_out_leads_to_the_login(client: Client) -> None:
    client.force_login(person("alice", account()))
    assert client.post("/logout/")["Location"] == "/login/"


@pytest.mark.django_db
def test_pages_have_the_strict_policy_and_nothing_that_it_refuses(client: Client) -> None:
    client.force_login(person("alice", account()))
    for url in ("/campaigns/", "/campaigns/new/", "/campaigns/audiences/new/", "/campaigns/templates/new/"):
        response = client.get(url)
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = response.content.decode()
        for refused in (" style=", "<style", " onclick=", " onload=", "hx-on", "javascript:"):
            assert refused not in page, (url, refused)


@pytest.mark.django_db
def test_what_is_not_there_gets_a_page_with_a_way_back(client: Client) -> None:
    client.force_login(person("alice", account()))
    response = client.get("/campaigns/999/")
    assert response.status_code == 404
    assert "There is nothing here for you to see" in response.content.decode()


@pytest.mark.django_db
def test_an_error_of_ours_gets_a_page_and_no_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns import launching

    def broken(campaign: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(launching, "blockers", broken)
    alice = person("alice", account())
    from tests.campaigns.cast import campaign

    made = campaign()
    client.force_login(alice)
    client.raise_request_exception = False
    response = client.get(made.get_absolute_url())
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()
    assert "secret detail" not in response.content.decode()
