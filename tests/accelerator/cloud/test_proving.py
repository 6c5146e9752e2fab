"""Of whom nobody could know whether they have the message: what they do with it shows that they have."""

import email
import email.policy
import re
import threading
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import complaining, events
from accelerator.cloud.models import Intent, Mailing
from tests.accelerator.cloud.mailings import addresses, counts, send, status, submit
from tests.accelerator.cloud.scripted import CUT, ScriptedServer

pytestmark = pytest.mark.django_db(transaction=True)

TEMPLATE = protocol.TemplateSource(
    subject="News",
    html='<body><a href="https://shop.example/">shop</a> <a href="{{ unsubscribe_url }}">unsubscribe</a></body>',
    text="{{ unsubscribe_url }}",
)


@pytest.fixture
def lost(settings: Settings) -> dict[str, str]:
    """The links in the only message, whose reply was lost, by their kind."""
    with ScriptedServer(lambda line: CUT if line == "." else None) as server:
        settings.SMTP_URL = server.url
        submit(addresses(1), template=TEMPLATE)
        send()
        [content] = server.contents
    message = email.message_from_bytes(content, policy=email.policy.default)
    part = message.get_body(("html",))
    assert part is not None
    urls = re.findall(r'(?:href|src)="([^"]+)"', part.get_content())
    assert counts(mailing()) == {"unknown": 1}
    return {urlsplit(url).path.split("/")[1]: urlsplit(url).path for url in urls}


def mailing() -> Mailing:
    return Mailing.objects.get()


def told() -> list[str]:
    return [event.kind for event in events.page(mailing().key, 0, 100).events]


def test_an_open_shows_that_it_was_delivered(lost: dict[str, str], client: Client) -> None:
    client.get(lost["o"])
    assert counts(mailing()) == {"delivered": 1}
    assert told() == ["unknown", "delivered", "open"]
    client.get(lost["o"])
    assert counts(mailing()) == {"delivered": 1}
    assert told() == ["unknown", "delivered", "open", "open"]
    intent = Intent.objects.get()
    assert intent.reply == "the reply was lost, but the recipient has the message"
    assert status(mailing()).counts.attempted == 1


def test_a_click_does_and_a_machine_s_too(lost: dict[str, str], client: Client) -> None:
    assert client.head(lost["c"]).status_code == 302
    assert counts(mailing()) == {"delivered": 1}
    assert told() == ["unknown", "delivered", "click"]


def test_to_unsubscribe_does_and_to_look_at_the_page_does_not(lost: dict[str, str], client: Client) -> None:
    client.get(lost["u"])
    assert counts(mailing()) == {"unknown": 1}
    client.post(lost["u"])
    assert counts(mailing()) == {"delivered": 1}
    assert told() == ["unknown", "delivered", "unsubscribe"]


def test_a_complaint_does(lost: dict[str, str]) -> None:
    complaint = protocol.Complaint(link=lost["u"])
    assert complaining.complain([complaint, complaint]) == 1
    assert counts(mailing()) == {"delivered": 1}
    assert told() == ["unknown", "delivered", "complaint"]


def test_of_many_at_once_one_says_so(lost: dict[str, str]) -> None:
    together = threading.Barrier(6)

    def visit(path: str) -> None:
        together.wait(30)
        try:
            Client().get(path)
        finally:
            connection.close()

    visitors = [threading.Thread(target=visit, args=(lost[kind],)) for kind in ("o", "c") for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert counts(mailing()) == {"delivered": 1}
    assert sorted(told()) == ["click"] * 3 + ["delivered"] + ["open"] * 3 + ["unknown"]


def test_whoever_was_delivered_to_or_bounced_stays_what_they_are(
    lost: dict[str, str], client: Client
) -> None:
    Intent.objects.update(state="bounced")
    client.get(lost["o"])
    assert Intent.objects.get().state == "bounced"
    assert told() == ["unknown", "open"]
