"""Mailings for the Cloud's tests: submitted like the dashboard does, sent by this process, counted."""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
from django.db import connection

from accelerator import protocol
from accelerator.cloud import delivering, entries, intake, ledger, reporting
from accelerator.cloud.models import Batch, Intent, Mailing
from accelerator.protocol import Desired

TEMPLATE = protocol.TemplateSource(
    subject="News for {{ first_name }}",
    html='<p>Dear {{ first_name }}</p><a href="{{ unsubscribe_url }}">unsubscribe</a>',
    text="Dear {{ first_name }}\n{{ unsubscribe_url }}",
)
SENDER = protocol.Sender(from_name="Alice's shop", from_address="news@shop.example")


def addresses(count: int, start: str = "ok") -> list[str]:
    return [f"{start}{number}@customers.example" for number in range(count)]


def table(
    emails: Sequence[str | None], names: Sequence[str | None] | None = None, first: int = 0
) -> pa.Table:
    return pa.table(
        {
            "customer": pa.array([str(first + number) for number in range(len(emails))], pa.string()),
            "email": pa.array(emails, pa.string()),
            "first_name": pa.array(names or ["Bob"] * len(emails), pa.string()),
        }
    )


def request(
    batches: Iterable[bytes],
    *,
    template: protocol.TemplateSource = TEMPLATE,
    rate: int | None = None,
    supplemental: dict[str, object] | None = None,
    sender: protocol.Sender = SENDER,
    account: str = "",
    service: str = "",
) -> protocol.MailingRequest:
    return protocol.MailingRequest(
        instructions=protocol.Instructions(
            name="Autumn sale",
            sender=sender,
            template=template,
            recipient_id_column="customer",
            email_column="email",
            rate_per_hour=rate,
            account=account,
            service=service,
        ),
        batches=[
            protocol.BatchEntry(
                number=number,
                records=protocol.decode_batch(data).num_rows,
                size=len(data),
                sha256=protocol.digest(data),
            )
            for number, data in enumerate(batches)
        ],
        supplemental=supplemental or {},
    )


def submit(
    emails: Sequence[str | None],
    *,
    names: Sequence[str | None] | None = None,
    per_batch: int = 1_000,
    template: protocol.TemplateSource = TEMPLATE,
    rate: int | None = None,
    transferred: bool = True,
    account: str = "",
    service: str = "",
    sender: protocol.Sender = SENDER,
) -> Mailing:
    """A mailing that was accepted, with its batches."""
    batches = [
        protocol.encode_batch(
            table(emails[at : at + per_batch], names[at : at + per_batch] if names else None, first=at)
        )
        for at in range(0, len(emails), per_batch)
    ]
    told = request(batches, template=template, rate=rate, account=account, service=service, sender=sender)
    mailing = intake.accept(uuid.uuid4(), told)
    for number, data in enumerate(batches if transferred else []):
        intake.store_batch(mailing.key, number, data)
    return mailing


def submit_table(records: pa.Table, *, template: protocol.TemplateSource = TEMPLATE) -> Mailing:
    """A mailing of one batch, whatever its columns."""
    data = protocol.encode_batch(records)
    mailing = intake.accept(uuid.uuid4(), request([data], template=template))
    intake.store_batch(mailing.key, 0, data)
    return mailing


def control(mailing: Mailing, seq: int, desired: Desired, rate: int | None = None) -> protocol.MailingStatus:
    """A control and its acknowledgement."""
    from django.db import transaction

    with transaction.atomic():
        wish = protocol.ControlRequest(seq=seq, desired=desired, rate_per_hour=rate)
        return reporting.status(intake.control(mailing.key, wish))


def status(mailing: Mailing) -> protocol.MailingStatus:
    found = reporting.find(mailing.key)
    assert found is not None
    return reporting.status(found)


def counts(mailing: Mailing) -> dict[str, int]:
    """The counts that are not zero. Each is what the ledger says, row by row, and together they add up."""
    numbers = status(mailing).counts.model_dump()
    classes = {name: number for name, number in numbers.items() if name not in ("transferred", "attempted")}
    assert sum(classes.values()) == numbers["transferred"]
    if status(mailing).desired != Desired.CANCEL:
        for state in Intent.State.values:
            assert Intent.objects.filter(mailing=mailing, state=state).count() == numbers[state], state
    return {name: number for name, number in classes.items() if number}


def send(within: float = 300.0) -> None:
    """Be the only sender until nothing is due. What never comes to its end fails after so many seconds."""
    deadline = time.monotonic() + within
    while delivering.step():
        assert time.monotonic() < deadline, "still something due"


def make_due(mailing: Mailing) -> None:
    """As if the time of every retry, and of every wait for the mail server, had come."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cloud_intent SET due_at = now() WHERE mailing_id = %s AND due_at > now()", [mailing.key]
        )
        cursor.execute(
            "UPDATE cloud_batch SET due_at = now() WHERE mailing_id = %s AND due_at > now()", [mailing.key]
        )
        cursor.execute(
            "UPDATE cloud_pace SET free_at = now() WHERE mailing_id = %s AND free_at > now()", [mailing.key]
        )


def leave_in_flight(mailing: Mailing, count: int) -> Batch:
    """What a killed sender leaves: a lease that ran out, and intents that nobody knows the outcome of."""
    from accelerator import leases

    batch = leases.claim(Batch.objects.filter(mailing=mailing), mailing.batches.get(number=0).pk, seconds=0)
    assert batch is not None
    with_keys = [
        entries.Attempt(
            position, str(position), f"ok{position}@customers.example", f"ok{position}@customers.example"
        )
        for position in range(count)
    ]
    assert len(ledger.commit(batch, [], with_keys).sendable) == count
    Batch.objects.filter(pk=batch.pk).update(leased_until=None)
    return batch


def wait_until(condition: Callable[[], bool], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)
