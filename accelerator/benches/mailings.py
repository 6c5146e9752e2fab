"""What is sent: records, a personalised message of about 6 KB, and its way to the Cloud over the contract."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa

from accelerator import protocol
from accelerator.benches import BenchFailed
from accelerator.protocol import (
    BatchEntry,
    ControlRequest,
    Desired,
    Instructions,
    MailingRequest,
    Sender,
    TemplateSource,
)
from jobs import spool
from jobs.client import CloudClient

BATCH = 25_000
CITIES = ("Brest", "Gdańsk", "Porto", "Trieste", "Uppsala", "Volos")
DONE_WITHIN = 1_800.0

ARTICLE = """\
<tr><td style="padding:16px 24px;border-bottom:1px solid #e3ded6">
<h2 style="margin:0 0 6px;font:600 17px/1.3 Georgia,serif;color:#22302b">Offer {number} for {{{{ city }}}}</h2>
<p style="margin:0 0 10px;font:15px/1.5 Arial,sans-serif;color:#3c463f">{{{{ first_name }}}}, as a member of tier
{{{{ tier }}}} you save {{{{ supplemental.discount }}}} on everything for the garden, the kitchen and the long way home
until {{{{ supplemental.ends }}}}. Number {number} of our list is the one that people came back for last year.</p>
<a href="https://shop.example/offers/{number}?from=newsletter" style="font:600 15px Arial,sans-serif;color:#2d6a4f">See
offer {number}</a></td></tr>
"""
HTML = f"""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{{{ supplemental.title }}}}</title></head>
<body style="margin:0;background:#f4f1ec"><table role="presentation" width="600" align="center" style="background:#fff">
<tr><td style="padding:24px"><h1 style="margin:0;font:700 26px Georgia,serif">Good morning, {{{{ first_name }}}}</h1>
<p style="font:15px/1.5 Arial,sans-serif">Here is what is new in {{{{ city }}}} this week.</p></td></tr>
{"".join(ARTICLE.format(number=number) for number in range(1, 8))}\
<tr><td style="padding:24px;font:12px/1.5 Arial,sans-serif;color:#6b746e">You get this because you asked for it.
<a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></td></tr></table></body></html>
"""
TEXT = """\
Good morning, {{ first_name }}

Here is what is new in {{ city }} this week. As a member of tier {{ tier }} you save {{ supplemental.discount }} on
everything for the garden, the kitchen and the long way home until {{ supplemental.ends }}.

See all offers: https://shop.example/offers?from=newsletter
Unsubscribe: {{ unsubscribe_url }}
"""
INSTRUCTIONS = Instructions(
    name="Bench",
    sender=Sender(from_name="Bench", from_address="bench@bench.example"),
    template=TemplateSource(subject="{{ first_name }}, seven offers for {{ city }}", html=HTML, text=TEXT),
    recipient_id_column="customer_id",
    email_column="email",
)
SUPPLEMENTAL: dict[str, object] = {"title": "Seven offers", "discount": "20 %", "ends": "30 November"}


@dataclass(frozen=True)
class Load:
    """A mailing's records as batches of bytes; may be sent any number of times, each under a key of its own."""

    request: MailingRequest
    batches: Sequence[bytes]

    @property
    def records(self) -> int:
        return self.request.records


def load(recipients: int) -> Load:
    """Records with addresses that nobody has, in batches as a Job has them."""
    numbers = range(recipients)
    table = pa.table(
        {
            "customer_id": pa.array([f"c{number:07}" for number in numbers]),
            "email": pa.array([f"customer.{number:07}@bench.example" for number in numbers]),
            "first_name": pa.array([f"Zoë{number % 997}" for number in numbers]),
            "city": pa.array([CITIES[number % len(CITIES)] for number in numbers]),
            "tier": pa.array([number % 4 for number in numbers]),
        }
    )
    pieces: list[pa.Table] = []
    while table.num_rows:
        # At least two: a batch is sent from by one sender at a time.
        size = min(spool.records_of_next(recipients - table.num_rows, BATCH), -(-recipients // 2))
        pieces.append(table.slice(0, size))
        table = table.slice(size)
    batches = [protocol.encode_batch(piece) for piece in pieces]
    entries = [
        BatchEntry(number=number, records=piece.num_rows, size=len(data), sha256=protocol.digest(data))
        for number, (piece, data) in enumerate(zip(pieces, batches, strict=True))
    ]
    request = MailingRequest(instructions=INSTRUCTIONS, batches=entries, supplemental=SUPPLEMENTAL)
    return Load(request, batches)


def send(
    client: CloudClient, database: psycopg.Connection, mailing: Load, domain: str = "bench.example"
) -> float:
    """Transfer it while it is paused, then let it go; messages a second by the ledger. Raises BenchFailed.

    `domain`: who it comes from.

    From the commit of the first intent, before anything was sent, to the last recorded acceptance.
    """
    key = transfer(client, mailing, domain)
    go(client, key)
    row = database.execute(
        "SELECT count(*) FILTER (WHERE state = 'delivered'), extract(epoch FROM max(settled_at) - min(committed_at)) "
        "FROM cloud_intent WHERE mailing_id = %s",
        [key],
    ).fetchone()
    delivered, seconds = row or (0, 0)
    if delivered != mailing.records:
        raise BenchFailed(f"{delivered:,} of {mailing.records:,} messages were accepted.")
    return int(delivered) / float(seconds)


def go(client: CloudClient, key: uuid.UUID) -> None:
    """Send what was transferred, to its end. Raises BenchFailed."""
    client.control(key, ControlRequest(seq=2, desired=Desired.RUN))
    _wait(client, key)


def transfer(client: CloudClient, mailing: Load, domain: str = "bench.example") -> uuid.UUID:
    """The Cloud has the whole of it, paused, under the key that is returned."""
    key = uuid.uuid4()
    client.control(key, ControlRequest(seq=1, desired=Desired.PAUSE))
    client.submit(key, _from(domain, mailing.request))
    for number, data in enumerate(mailing.batches):
        client.put_batch(key, number, data)
    return key


def _from(domain: str, request: MailingRequest) -> MailingRequest:
    sender = request.instructions.sender.model_copy(update={"from_address": f"bench@{domain}"})
    return request.model_copy(
        update={"instructions": request.instructions.model_copy(update={"sender": sender})}
    )


def _wait(client: CloudClient, key: uuid.UUID) -> None:
    deadline = time.monotonic() + DONE_WITHIN
    while True:
        status = client.status(key)
        if status.counts.at_rest:
            return
        if status.stopped:
            raise BenchFailed(f"The Cloud stopped the mailing: {status.stopped.reason}")
        if time.monotonic() > deadline:
            raise BenchFailed(f"Not all was sent within {DONE_WITHIN:.0f} s: {status.counts}")
        time.sleep(0.5)
