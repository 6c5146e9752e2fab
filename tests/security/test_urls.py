"""Every address x everybody who may ask for it: who gets which answer, and what nobody may change."""

import pytest
from django.test import Client
from django.urls import get_resolver

from tests.security import world as worlds
from tests.security.table import LOGIN, TABLE
from tests.security.visiting import address, routes, visits
from tests.security.world import ROLES, World

# Answers after which nothing may have changed.
REFUSALS = {LOGIN, 400, 403, 404, 405, 409}

# Django's own, which take methods that they do not name.
DJANGOS = {"", "login/"}
OURS = [row for row in TABLE if row.route not in DJANGOS and not row.route.startswith("admin/")]


def test_every_address_is_in_the_table_once_and_the_table_has_no_others() -> None:
    known = list(routes(get_resolver().url_patterns))
    assert sorted(row.route for row in TABLE) == sorted(set(known))


@pytest.mark.parametrize("role", ROLES)
def test_reading_is_answered_as_the_table_says(world: World, role: str) -> None:
    offered = [row for row in TABLE if row.get]
    wrong = [
        (seen.row.route, seen.answer, expected)
        for seen in visits(offered, world, world.browser(role), "get")
        if seen.answer != (expected := seen.row.get and seen.row.get[ROLES.index(role)])
    ]
    assert not wrong


@pytest.mark.parametrize("role", ROLES)
def test_writing_is_answered_as_the_table_says_and_a_refusal_changes_nothing(world: World, role: str) -> None:
    browser = world.browser(role)
    offered, before = [row for row in TABLE if row.post], worlds.rows()
    wrong, changed, harmed = [], [], []
    for seen in visits(offered, world, browser, "post", watching=True):
        expected = seen.row.post and seen.row.post[ROLES.index(role)]
        if seen.answer != expected:
            wrong.append((seen.row.route, seen.answer, expected))
        if seen.answer in REFUSALS and seen.rows != before:
            changed.append(seen.row.route)
        if role in ("anonymous", "other account") and not before.items() <= seen.rows.items():
            harmed.append(seen.row.route)
    assert not wrong
    assert not changed
    assert not harmed


def test_where_it_may_writing_does_change_something(world: World) -> None:
    """What the refusals are held against: without it they would prove nothing."""
    browser = world.browser("marketer")
    offered = [row for row in OURS if row.post and row.post[ROLES.index("marketer")] == 303]
    before = worlds.rows()
    visited = visits(offered, world, browser, "post", watching=True)
    assert not [seen.row.route for seen in visited if seen.rows == before]


def test_methods_that_are_not_offered_are_refused(world: World) -> None:
    browser, before, wrong = world.browser("admin"), worlds.rows(), []
    for method in ("get", "post", "put", "patch", "delete", "trace"):
        refusing = [row for row in OURS if not getattr(row, method, None)]
        wrong += [
            (method, seen.row.route, seen.answer)
            for seen in visits(refusing, world, browser, method, watching=True)
            if seen.answer != 405 or seen.rows != before
        ]
    assert not wrong


def test_nothing_is_posted_without_the_token_of_a_form(world: World) -> None:
    """Not even by whoever may everything."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.people["admin"])
    offered, before = [row for row in TABLE if row.post], worlds.rows()
    for seen in visits(offered, world, browser, "post", watching=True):
        assert seen.answer == 403, seen.row.route
        assert seen.rows == before, seen.row.route


def test_with_its_token_a_form_is_taken_unless_it_comes_from_elsewhere(world: World) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.people["marketer"])
    (row,) = (row for row in TABLE if row.route == "campaigns/<int:pk>/edit/")
    token = browser.get(address(row, world)).context["csrf_token"]
    form = {**row.body(world), "csrfmiddlewaretoken": str(token)}
    elsewhere = browser.post(address(row, world), form, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert browser.post(address(row, world), form).status_code == 303


def test_a_login_leads_nowhere_else(world: World) -> None:
    form = {"username": "alice", "password": "password"}
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        response = Client().post("/login/", {**form, "next": elsewhere})
        assert response.headers["Location"] == "/campaigns/"
