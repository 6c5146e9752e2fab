"""What Alice planned: the things that the tests of campaigns/ share."""

import hashlib
import html
import re
from pathlib import Path
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
        samples.remember(made, _look(made))
        made.save(update_fields=samples.REMEMBERED)
    return made


_seen: dict[tuple[bytes, str, str], samples.Look] = {}


def _look(audience: Audience) -> samples.Look:
    """Hundreds of tests look with the same SQL into the same file, and would see the same."""
    values = samples.values(audience)
    file = hashlib.sha256(Path(audience.warehouse.location).read_bytes()).digest()
    key = (file, audience.sql, repr(values))
    if key not in _seen:
        _seen[key] = samples.look(audience.warehouse, audience.sql, values, counting=True)
    return _seen[key]


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
