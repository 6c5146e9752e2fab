"""Walks the table: one request after the other, each undone, so that none finds what another has left."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver

from tests.security import world as worlds
from tests.security.table import Row
from tests.security.world import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

PART = re.compile(r"<[^>]+>|\^?\(\?P<.*\)[^)]*\$")


@dataclass(frozen=True)
class Visit:
    """What came of one request; `rows` are those of the database before it was undone."""

    row: Row
    response: "Response"
    rows: dict[str, int]

    @property
    def answer(self) -> int | str:
        """As the table has it."""
        location = self.response.headers.get("Location", "")
        to_the_login = re.match(r"(/admin)?/login/\?next=/", location)
        return "login" if to_the_login else self.response.status_code


def routes(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Every address that the resolver knows."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def address(row: Row, world: World) -> str:
    """The address with what it names of the world."""
    names = iter(row.names(world))
    return "/" + PART.sub(lambda _: str(next(names)), row.route)


def visits(
    rows: Iterable[Row], world: World, browser: Client, method: str, *, watching: bool = False
) -> Iterator[Visit]:
    """One visit to each, as the same person."""
    cookies = browser.cookies.output(header="")
    for row in rows:
        yield visit(row, world, browser, method, watching=watching)
        browser.cookies = SimpleCookie(cookies)


def visit(row: Row, world: World, browser: Client, method: str, *, watching: bool = False) -> Visit:
    """One request, undone; the rows are looked at only where somebody watches them."""
    body = row.body(world) if method == "post" else None
    with transaction.atomic():
        response: Response = getattr(browser, method)(address(row, world), body)
        if response.streaming:  # to its end, which closes the file
            response.getvalue()
        found = worlds.rows() if watching else {}
        transaction.set_rollback(True)
    return Visit(row, response, found)
