"""The unsubscribe link: one click, no login, no address in it, recorded before it is answered."""

import re

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from accelerator.cloud import tracking
from accelerator.cloud.models import Intent, LinkKey, Suppression
from tests.accelerator.cloud.mailings import addresses, counts, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def link(receiver: MailReceiver) -> str:
    """The path of the link in the only message."""
    (_, _, content) = receiver.messages[-1]
    found = re.search(rb"List-Unsubscribe: <http://localhost:8001(/u/[\w-]+)>", content)
    assert found
    return found.group(1).decode()


@pytest.fixture
def path(receiver: MailReceiver) -> str:
    submit(["Bob@customers.example"])
    send()
    return link(receiver)


def test_one_click_unsubscribes_for_good(client: Client, path: str, receiver: MailReceiver) -> None:
    response = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    suppression = Suppression.objects.get()
    assert (suppression.address_key, suppression.reason) == ("bob@customers.example", "unsubscribed")
    assert client.post(path).status_code == 200
    mailing = submit(["bob@Customers.example", "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "suppressed": 1}
    assert Intent.objects.get(mailing=mailing, state="suppressed").code == "unsubscribed"


def test_looking_at_the_page_unsubscribes_nobody(client: Client, path: str) -> None:
    for method in (client.get, client.head):
        response = method(path)
        assert response.status_code == 200
    assert b'<form method="post">' in client.get(path).content
    assert not Suppression.objects.exists()
    assert not client.cookies


def test_it_works_without_a_csrf_token(path: str) -> None:
    assert Client(enforce_csrf_checks=True).post(path).status_code == 200


def test_the_page_is_not_kept_indexed_or_framed(client: Client, path: str) -> None:
    response = client.get(path)
    assert response["X-Robots-Tag"] == "noindex"
    assert "no-store" in response["Cache-Control"]
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["Referrer-Policy"] == "no-referrer"


def test_the_link_names_nobody(path: str) -> None:
    assert "bob" not in path.lower()
    assert "customers" not in path.lower()


def test_a_changed_link_is_unknown(client: Client, path: str) -> None:
    for wrong in (
        path[:-1],
        path[:-2] + "AA",
        path[:8] + ("A" if path[8] != "A" else "B") + path[9:],
        "/u/x",
        "/u/é",
    ):
        assert client.post(wrong).status_code == 404, wrong
    assert not Suppression.objects.exists()


def test_a_link_outlives_a_new_secret_key_and_a_new_link_key(
    client: Client, path: str, settings: object
) -> None:
    vars(settings)  # the fixture restores SECRET_KEY
    settings.SECRET_KEY = "rotated" * 10  # type: ignore[attr-defined]
    LinkKey.objects.create(id=2, secret=b"x" * 32)
    tracking.link_key.cache_clear()
    assert client.post(path).status_code == 200


def test_what_cannot_be_recorded_is_not_claimed(client: Client, path: str) -> None:
    def broken(execute: object, sql: str, *_: object) -> object:
        if "suppression" in sql:
            raise DatabaseError("the disk is full")
        assert callable(execute)
        return execute(sql, *_)

    with connection.execute_wrapper(broken):
        response = client.post(path)
    assert response.status_code == 503
    assert response["Retry-After"]
    assert not Suppression.objects.exists()
    assert client.post(path).status_code == 200


def test_the_link_in_the_text_is_the_one_in_the_header(receiver: MailReceiver) -> None:
    submit(addresses(1))
    send()
    content = receiver.messages[0][2].replace(b"&#x2f;", b"/")
    assert content.count(link(receiver).encode()) == 3
