"""Of whom nobody could know whether they have the message: what they do with it shows that they have."""

import email
import email.policy
import re
import threading
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import complaining, events, hits, ledger, links, releasing
from accelerator.cloud.entries import Attempt, Outcome
from accelerator.cloud.models import Batch, Intent, Mailing
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import (
    addresses,
    control,
    counts,
    leave_in_flight,
    make_due,
    send,
    status,
    submit,
)
from tests.accelerator.cloud.scripted import CUT, ScriptedServer
from tests.mail import MailReceiver

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"

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
    hits.tell(mailing().key)
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


def test_a_machine_that_looked_into_a_message_before_it_was_put_off_ends_no_retry(
    receiver: MailReceiver,
) -> None:
    """A definite no: who has the message is the scanner. A person who uses it has it, whatever the server said."""
    submit([f"deferdataonce{number}@customers.example" for number in range(3)])
    send()
    assert counts(mailing()) == {"deferred": 3}
    first, second, third = Intent.objects.select_related("batch").order_by("position")
    person = Client(headers={"User-Agent": BROWSER})
    Client().head(path_of("c", first))
    person.get(path_of("o", second))
    person.get(path_of("t", third))
    assert counts(mailing()) == {"deferred": 2, "delivered": 1}
    make_due(mailing())
    send()
    assert receiver.received() == [first.address, third.address]
    assert counts(mailing()) == {"delivered": 3}


# --- while it is in flight --------------------------------------------------------------------------------


def path_of(kind: str, intent: Intent) -> str:
    own = links.Links(intent.batch_id, intent.position)
    url = {
        "o": own.open_url,
        "c": own.click(1, "https://shop.example/"),
        "u": own.unsubscribe_url,
        "t": own.trap_url,
    }[kind]
    return urlsplit(url).path


def visit(kind: str, intent: Intent) -> None:
    """What the recipient does, or a scanner."""
    client = Client()
    (client.post if kind == "u" else client.get)(path_of(kind, intent))


def complain(_: str, intent: Intent) -> None:
    complaining.complain([protocol.Complaint(link=path_of("u", intent))])


Use = Callable[[str, Intent], None]


@pytest.mark.parametrize(
    ("use", "kind", "name"),
    [
        (visit, "o", "open"),
        (visit, "c", "click"),
        (visit, "u", "unsubscribe"),
        (complain, "", "complaint"),
    ],
)
def test_who_used_it_in_flight_is_delivered_though_the_sender_died(
    receiver: MailReceiver, use: Use, kind: str, name: str
) -> None:
    submit(addresses(3))
    leave_in_flight(mailing(), 2)
    use(kind, Intent.objects.get(position=1))
    # The mail server may still say no: as long as somebody may hear it, nothing is decided.
    assert counts(mailing()) == {"in_flight": 2, "waiting": 1}
    assert told() == [name]
    send()
    assert counts(mailing()) == {"delivered": 2, "unknown": 1}
    assert status(mailing()).counts.attempted == 3
    # Everybody is told of as when it had happened afterwards.
    assert [kind for kind in told() if kind != name] == ["unknown", "unknown", "delivered", "delivered"]
    assert [message[1] for message in receiver.messages] == ["ok2@customers.example"]
    assert releasing.report(mailing()).unknown == 1


def in_hand(count: int) -> Batch:
    """So many in flight, and the batch still belongs to whoever sends them."""
    submit(addresses(count))
    return leave_in_flight(mailing(), count)


def test_who_used_it_in_flight_is_delivered_though_the_line_was_cut() -> None:
    batch = in_hand(2)
    visit("o", Intent.objects.get(position=0))
    ledger.settle(batch, [Outcome(0, "unknown"), Outcome(1, "unknown")], [])
    assert counts(mailing()) == {"delivered": 1, "unknown": 1}
    assert status(mailing()).counts.attempted == 2
    assert sorted(told()) == ["delivered", "open", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [
        (Outcome(0, "delivered", "2.0.0", "OK"), "delivered"),
        (Outcome(0, "bounced", "5.7.1", "spam"), "bounced"),
        (Outcome(0, "deferred", "4.7.1", "greylisted", 60.0), "deferred"),
    ],
)
def test_a_reply_says_more_than_who_used_it_in_flight(outcome: Outcome, ended: str) -> None:
    """A mail server may look into a message, and follow its links, before it takes or refuses it."""
    batch = in_hand(1)
    visit("c", Intent.objects.get())
    ledger.settle(batch, [outcome], [])
    assert counts(mailing()) == {ended: 1}
    assert Intent.objects.get().reply == outcome.reply


def test_who_used_what_was_refused_is_unknown_if_the_next_try_is() -> None:
    batch = in_hand(1)
    visit("c", Intent.objects.get())
    ledger.settle(batch, [Outcome(0, "deferred", "4.7.1", "greylisted", 0.0)], [])
    again = Attempt(0, "0", "ok0@customers.example", "ok0@customers.example", 1)
    assert len(ledger.commit(batch, [], [again]).sendable) == 1
    ledger.settle(batch, [Outcome(0, "unknown")], [])
    assert counts(mailing()) == {"unknown": 1}


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("begun", [False, True])
def test_who_used_the_first_one_gets_no_third(*, cancelled: bool, begun: bool) -> None:
    """Unknown, released, in flight again: whoever uses it then has it from before, whatever is said of the second."""
    batch = in_hand(1)
    ledger.settle(batch, [Outcome(0, "unknown")], [])
    assert releasing.release(mailing().key, uuid.uuid4(), "why").recipients == 1
    again = Attempt(0, "0", "ok0@customers.example", "ok0@customers.example", 1)
    assert len(ledger.commit(batch, [], [again]).sendable) == 1
    visit("o", Intent.objects.get())
    if cancelled:
        control(mailing(), 1, Desired.PAUSE)
        control(mailing(), 2, Desired.CANCEL)
    ledger.settle(batch, [Outcome(0, "deferred", "4.2.1", "later", 0.0)] if begun else [], [again])
    assert status(mailing()).counts.delivered == 1
    assert Intent.objects.get().state == "delivered"
    make_due(mailing())
    assert not ledger.take_stock(batch).retries


def test_who_uses_it_as_the_sender_is_found_dead_is_delivered(receiver: MailReceiver) -> None:
    """Read as in flight, and unknown by the time it is written."""
    submit(addresses(1))
    leave_in_flight(mailing(), 1)
    seen = Intent.objects.select_related("batch").get()
    send()
    assert counts(mailing()) == {"unknown": 1}
    with transaction.atomic():
        ledger.prove([seen], by_person=True)
    assert counts(mailing()) == {"delivered": 1}
    assert not receiver.messages
