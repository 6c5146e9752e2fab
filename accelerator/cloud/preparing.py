"""Turns records into messages: what a mailing needs compiled once per process, what a record needs each time."""

import contextlib
import functools
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from django.conf import settings
from django.db import Error

from accelerator import leases, protocol, rendering
from accelerator.cloud import composing, dkim, links
from accelerator.cloud.entries import Attempt
from accelerator.cloud.inbound import verp
from accelerator.cloud.lines import Extensions
from accelerator.cloud.models import Batch, BatchBytes, Intent, Mailing
from accelerator.cloud.tallying import IN_FLIGHT

# What pyarrow raises for values that Python cannot hold: KeyError for a time zone that this machine does not know.
UNREADABLE = (ValueError, OverflowError, KeyError, pa.ArrowException)


@dataclass(frozen=True)
class Prepared:
    """A mailing, ready to be sent from."""

    request_id: str
    instructions: protocol.Instructions
    supplemental: rendering.Frozen
    template: rendering.Compiled
    skeleton: composing.Skeleton
    signers: tuple[dkim.Signer, ...]


@functools.lru_cache(maxsize=8)
def mailing(key: uuid.UUID) -> Prepared:
    """What was accepted under a key never changes, so a process keeps the last few. Raises dkim.KeyUnusable."""
    row = Mailing.objects.get(key=key)
    instructions = protocol.Instructions.model_validate_json(row.instructions)
    template = instructions.template
    return Prepared(
        request_id=row.request_id or "",
        instructions=instructions,
        supplemental=rendering.frozen(json.loads(row.supplemental)),
        template=rendering.compile_template(subject=template.subject, html=template.html, text=template.text),
        skeleton=composing.compile_skeleton(key, instructions.sender, links.link_key(links.CURRENT_KEY)),
        # A service builds the message anew, and signs it with keys of its own.
        signers=() if instructions.service else dkim.of(instructions.sender.from_address.rpartition("@")[2]),
    )


def records(batch: Batch) -> pa.Table:
    """The batch's records. Nanoseconds are cut, which Python's times have no place for."""
    table = protocol.decode_batch(bytes(BatchBytes.objects.values_list("data", flat=True).get(batch=batch)))
    for index, field in enumerate(table.schema):
        kind = protocol.without_nanoseconds(field.type)
        if kind != field.type:
            table = table.set_column(index, field.with_type(kind), table.column(index).cast(kind, safe=False))
    return protocol.without_singles(table.combine_chunks())


def attempts(
    prepared: Prepared,
    batch: Batch,
    table: pa.Table,
    pending: Sequence[tuple[int, int]],
    extensions: Extensions,
    date: str,
) -> list[Attempt]:
    """Messages for the records at these positions (position, tries), or the reason why there is none.

    The batch stays ours while that takes long; raises LeaseLost if it does not.
    """
    rows = _rows(table.take([position for position, _ in pending]))
    found = [
        _attempt(prepared, record, position, tries, extensions)
        for record, (position, tries) in zip(rows, pending, strict=True)
    ]
    ready = []
    for attempt, record in zip(found, rows, strict=True):
        if attempt.state == IN_FLIGHT:
            own = links.Links(batch.pk, attempt.position)
            ready.append((attempt, own, _message(record, own)))
    rendered = prepared.template.render_all(
        [message for _, _, message in ready],
        supplemental=prepared.supplemental,
        pulse=functools.partial(_renew, batch),
    )
    for (attempt, own, message), made in zip(ready, rendered, strict=True):
        if isinstance(made, rendering.RenderError):
            attempt.settle(Intent.State.RENDER_ERRORS, "", str(made))
        else:
            _compose(prepared, attempt, own, message.unsubscribe_url, made, extensions, date)
    return found


def addressed(prepared: Prepared, table: pa.Table, pending: Sequence[tuple[int, int]]) -> list[Attempt]:
    """The records at these positions with their address keys, and no message."""
    rows = _rows(table.take([position for position, _ in pending]))
    return [
        _addressed(prepared, record, position, tries)
        for record, (position, tries) in zip(rows, pending, strict=True)
    ]


class _Record(dict[str, object]):
    """A record whose `out_of_range` columns hold what Python has no value for: infinity, years after 9999."""

    out_of_range: str = ""


def _rows(table: pa.Table) -> list[_Record]:
    """All at once; value by value only if one of them cannot be read."""
    try:
        return [_Record(row) for row in protocol.rows(table)]
    except UNREADABLE:
        return [_row(table, index) for index in range(table.num_rows)]


def _row(table: pa.Table, index: int) -> _Record:
    record, wrong = _Record(), []
    for field, column in zip(table.schema, table.columns, strict=True):
        try:
            value = column[index].as_py(maps_as_pydicts="lossy")
            record[field.name] = protocol.meant(field, value)
        except UNREADABLE:
            record[field.name] = None
            wrong.append(f'"{field.name}"')
    record.out_of_range = ", ".join(wrong)
    return record


def _attempt(
    prepared: Prepared, record: _Record, position: int, tries: int, extensions: Extensions
) -> Attempt:
    """The attempt, and whether there is a reason that no message needs to be rendered for."""
    attempt = _addressed(prepared, record, position, tries)
    if attempt.key is None:
        return attempt
    if not attempt.envelope.isascii() and not extensions.utf8:
        return attempt.settle(
            Intent.State.BOUNCED, "5.6.7", "the mail server takes no such characters in a name"
        )
    if record.out_of_range:
        return attempt.settle(
            Intent.State.RENDER_ERRORS, "", f"a value is out of range: column {record.out_of_range}"
        )
    return attempt


def _message(record: _Record, own: links.Links) -> rendering.Message:
    return rendering.Message(
        record,
        unsubscribe_url=own.unsubscribe_url,
        link=own.click,
        open_pixel_url=own.open_url,
        trap_url=own.trap_url if settings.HIDDEN_LINK else "",
    )


def _compose(
    prepared: Prepared,
    attempt: Attempt,
    own: links.Links,
    unsubscribe_url: str,
    made: rendering.Rendered,
    extensions: Extensions,
    date: str,
) -> None:
    composed = composing.compose(
        prepared.skeleton,
        made,
        to=attempt.envelope,
        message_id=composing.message_id(prepared.skeleton, attempt.key or ""),
        unsubscribe_url=unsubscribe_url,
        unsubscribe_at=verp.address(verp.LEAVE, own),
        date=date,
        eight_bit=extensions.eight_bit,
    )
    attempt.sender = verp.address(verp.BOUNCE, own) or prepared.instructions.sender.from_address
    attempt.message = dkim.signed(composed, prepared.signers)


def _renew(batch: Batch) -> None:
    """Keep the batch; if the database is away, whoever writes to it next finds out."""
    with contextlib.suppress(Error):
        leases.renew(batch, seconds=settings.SENDING_LEASE)


def _addressed(prepared: Prepared, record: _Record, position: int, tries: int) -> Attempt:
    """Whom it goes to; without a key, and suppressed, if that is nobody."""
    columns = prepared.instructions
    address = record[columns.email_column]
    attempt = Attempt(
        position, _text(record[columns.recipient_id_column]), _text(address).strip(), None, tries
    )
    try:
        attempt.envelope = protocol.normal_address("" if address is None else str(address))
    except protocol.AddressInvalid as error:
        return attempt.settle(Intent.State.SUPPRESSED, "invalid", str(error))
    attempt.key = protocol.key_of_normal(attempt.envelope)
    return attempt


def _text(value: object) -> str:
    """NULL is no text; PostgreSQL takes no NUL."""
    return "" if value is None else str(value).replace("\0", "")
