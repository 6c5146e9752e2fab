"""What stands before Django: the same answers, sooner; and whatever is wrong is Django's to say."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from pytest_django import Settings

from accelerator.cloud import front, links
from accelerator.cloud.hits import keeping
from accelerator.cloud.models import Batch, Hit
from tests.accelerator.cloud.mailings import addresses, submit

pytestmark = pytest.mark.django_db(transaction=True)

Said = tuple[str, dict[str, str], bytes]
ELSEWHERE = "https://shop.example/é?a=1"


@pytest.fixture
def own() -> links.Links:
    """The links of somebody."""
    return links.Links(submit(addresses(1)).batches.get().pk, 0)


def ask(application: front.Application, method: str, url: str, **headers: str) -> Said:
    """What a server is told by the application."""
    environ = RequestFactory().generic(method, "/" + url.split("/", 3)[3], headers=headers or None).environ
    told: list[tuple[str, dict[str, str]]] = []
    body = application(environ, lambda status, fields: told.append((status, dict(fields))))
    [(status, fields)] = told
    return status, fields, b"".join(body)


def refuse(environ: front.Environ, start_response: front.StartResponse) -> Iterable[bytes]:
    """An application that is not to be asked."""
    raise AssertionError(environ["PATH_INFO"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "url", [lambda own: own.open_url, lambda own: own.trap_url, lambda own: own.click(3, ELSEWHERE)]
)
def test_it_answers_as_the_views_do(own: links.Links, url: Callable[[links.Links], str], method: str) -> None:
    at = url(own)
    sooner = ask(front.Front(refuse, room=1, waiting=9), method, at)
    view = Client().generic(method, "/" + at.split("/", 3)[3])
    headers = dict(view.headers)
    # What is named anew for each, and what says the same as Cache-Control to caches of 1996.
    for name in ("X-Request-ID", "Expires"):
        del headers[name]
    assert sooner == (f"{view.status_code} {view.reason_phrase}", headers, view.content)
    first, second = Hit.objects.order_by("at").values("batch", "position", "kind", "link", "machine")
    assert first == second


def test_who_made_it_is_read_from_the_same_headers(own: links.Links) -> None:
    person = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    for headers in (
        {"User-Agent": person},
        {"User-Agent": "Mozilla/5.0"},
        {"User-Agent": person, "X-Moz": "prefetch"},
        {},
    ):
        ask(front.Front(refuse, room=1, waiting=9), "GET", own.open_url, **headers)
    assert list(Hit.objects.order_by("at").values_list("machine", flat=True)) == [False, True, True, True]


@pytest.mark.parametrize(
    ("method", "change", "status"),
    [
        ("GET", lambda url: url[:-1], 404),
        ("GET", lambda url: url + "/", 404),
        ("GET", lambda url: url + "=", 404),
        ("GET", lambda url: url.replace("/o/", "/c/"), 404),
        ("GET", lambda url: url.replace("/o/", "/u/"), 404),
        ("GET", lambda url: url.replace("/o/", "/o//"), 404),
        ("GET", lambda url: url.replace("/o/", "/o/%C3%A9"), 404),
        ("POST", lambda url: url, 405),
        ("PUT", lambda url: url, 405),
        ("GET", lambda _: "http://localhost/", 404),
        ("GET", lambda _: "http://localhost/o", 404),
        ("GET", lambda _: "http://localhost/healthz", 200),
    ],
)
def test_everything_else_is_djangos(
    own: links.Links, method: str, change: Callable[[str], str], status: int
) -> None:
    answer, headers, _ = ask(front.Front(WSGIHandler(), room=1, waiting=9), method, change(own.open_url))
    assert answer.split()[0] == str(status)
    assert "X-Request-ID" in headers
    assert not Hit.objects.exists()


def test_what_cannot_be_kept_is_not_claimed(
    own: links.Links, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(keeping, "insert", away)
    settings.HITS.parent.mkdir(parents=True, exist_ok=True)
    settings.HITS.touch()
    whole = front.Front(WSGIHandler(), room=1, waiting=9)
    assert ask(whole, "GET", own.open_url)[0] == "503 Service Unavailable"
    assert ask(whole, "GET", own.click(0, ELSEWHERE))[0] == "302 Found"


def test_it_gives_back_the_connection_that_a_key_was_read_with(own: links.Links) -> None:
    connection.close()
    links.link_key.cache_clear()
    assert ask(front.Front(refuse, room=1, waiting=9), "GET", own.open_url)[0] == "200 OK"
    assert connection.connection is None
    assert Batch.objects.exists()


def test_hits_do_not_wait_for_those_who_ask_for_something_else(own: links.Links) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()
    most: list[int] = []
    now = 0

    def slow(_: front.Environ, start_response: front.StartResponse) -> Iterable[bytes]:
        nonlocal now
        now += 1
        most.append(now)
        inside.release()
        assert go_on.wait(20)
        now -= 1
        start_response("200 OK", [])
        return []

    whole = front.Front(slow, room=2, waiting=9)
    with ThreadPoolExecutor(5) as threads:
        asked = [threads.submit(ask, whole, "GET", "http://localhost/readyz") for _ in range(5)]
        for _ in range(2):
            assert inside.acquire(timeout=20)
        assert ask(whole, "GET", own.open_url)[0] == "200 OK"
        go_on.set()
        for one in asked:
            one.result(20)
    assert max(most) == 2


def test_those_who_wait_leave_threads_to_others(own: links.Links) -> None:
    """Of a server with six threads, while a database says nothing to anybody who asks for something else."""
    inside, go_on = threading.Semaphore(0), threading.Event()

    def silent(
        environ: front.Environ, start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            inside.release()
            assert go_on.wait(20)
        start_response("200 OK", [])
        return []

    whole = front.Front(silent, room=2, waiting=2)
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(ask, whole, "GET", "http://localhost/readyz") for _ in range(30)]
        for _ in range(2):
            assert inside.acquire(timeout=20)
        hit = threads.submit(ask, whole, "GET", own.open_url)
        alive = threads.submit(ask, whole, "GET", "http://localhost/healthz")
        assert hit.result(20)[0] == alive.result(20)[0] == "200 OK"
        go_on.set()
        said = [one.result(20) for one in asked]
    refused = [fields for status, fields, _ in said if status == "503 Service Unavailable"]
    assert len(refused) == 26
    assert {fields["Retry-After"] for fields in refused} == {"10"}
