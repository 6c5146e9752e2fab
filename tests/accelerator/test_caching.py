"""What answers say to caches."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accelerator import caching


def answered(**headers: str) -> str:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("x", headers=headers)

    return caching.unkept(view)(RequestFactory().get("/"))["Cache-Control"]


def test_an_answer_that_says_nothing_is_kept_by_nobody() -> None:
    assert answered() == "private, no-store"


def test_an_answer_that_says_something_has_its_way() -> None:
    assert answered(**{"Cache-Control": "public, max-age=60"}) == "public, max-age=60"


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/healthz", "/campaigns/", "/nowhere"])
def test_it_stands_around_every_page(client: Client, url: str) -> None:
    assert client.get(url)["Cache-Control"] == "private, no-store"
