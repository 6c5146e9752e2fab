"""What Alice planned: the things that the tests of campaigns/ share."""

import html
import re
from typing import Protocol

from campaigns import samples
from campaigns.models import Audience, Campaign, SendingProfile, Template
from jobs.models import Warehouse
from tests.jobs.cast import SQL, account


class Answer(Protocol):
    """A response with a body."""

    @property
    def content(self) -> bytes: ...


def audience(warehouse: Warehouse, *, looked: bool = True, **changes: object) -> Audience:
    """Everybody in the warehouse; with `looked`, as it is after a preview: counted, with its sample."""
    fields: dict[str, object] = {
        "account": account(),
        "name": "Everybody",
        "warehouse": warehouse,
        "sql": SQL,
        "recipient_id_column": "id",
        "email_column": "email",
    }
    made = Audience.objects.create(**fields | changes)
    if looked:
        samples.refresh(made)
    return made


def template(**changes: object) -> Template:
    fields: dict[str, object] = {
        "account": account(),
        "name": "Autumn",
        "subject": 'Hello {{ first_name|default("you") }}',
        "html": '<p>Hello {{ first_name|default("you") }}</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>',
        "text": "Hello\n{{ unsubscribe_url }}",
    }
    return Template.objects.create(**fields | changes)


def profile(**changes: object) -> SendingProfile:
    fields: dict[str, object] = {
        "account": account(),
        "name": "Shop",
        "from_name": "Northwind",
        "from_address": "news@northwind.example",
    }
    return SendingProfile.objects.create(**fields | changes)


def campaign(**changes: object) -> Campaign:
    fields: dict[str, object] = {
        "account": account(),
        "name": "Autumn sale",
        "notification_address": "team@northwind.example",
    }
    return Campaign.objects.create(**fields | changes)


def words(response: Answer) -> str:
    """What a person reads on the page, on one line."""
    page = re.sub(r"<(script|style|title)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return (
        " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace(" .", ".").replace(" ,", ",")
    )


def errors_at(response: Answer, field: str) -> str:
    """The errors that stand at one field of the page, where its aria-describedby points."""
    found = re.search(rf'id="id_{field}_error">(.*?)</div>', response.content.decode(), re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split()) if found else ""
