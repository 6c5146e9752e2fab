"""Takes in mailings, batches and controls, each any number of times with the same effect."""

import base64
import json
import secrets
import uuid
from dataclasses import dataclass

import psycopg
import pyarrow as pa
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accelerator import failpoints, protocol, rendering
from accelerator.cloud import domains, guarding, ledger, locking, pacing
from accelerator.cloud.models import Batch, Mailing, Pace, Release, mark
from accelerator.cloud.models.batch import AT_REST
from accelerator.protocol import Desired

NAMED = """
SELECT mailing.desired, batch.id, batch.records, batch.size, batch.sha256, batch.received_at IS NOT NULL,
    mailing.instructions
FROM cloud_mailing mailing LEFT JOIN cloud_batch batch ON batch.mailing_id = mailing.key AND batch.number = %s
WHERE mailing.key = %s
"""
STORE = """
WITH stored AS (
    UPDATE cloud_batch SET received_at = statement_timestamp(), due_at = CASE WHEN %s THEN statement_timestamp() END
    WHERE id = %s AND received_at IS NULL RETURNING id
)
INSERT INTO cloud_batchbytes (batch_id, data) SELECT id, %b FROM stored
"""


# Parts of protocol.Instructions that say nothing when they are empty.
ADDED_LATER = ("domain_rates", "account", "service")


class Refused(Exception):
    """A request the Cloud understands and does not do; `status` is HTTP's, `code` the contract's."""

    status, code = 400, "refused"


class UnknownMailing(Refused):
    """Nothing is known under the key."""

    status, code = 404, "unknown"


class Conflict(Refused):
    """Something else is stored under the same name."""

    status, code = 409, "conflict"


class Cancelled(Refused):
    """The mailing was cancelled, which is final."""

    status, code = 410, "cancelled"

    def __init__(self) -> None:
        super().__init__("The mailing was cancelled; that is final.")


class TooLarge(Refused):
    """More than the Cloud can hold."""

    status, code = 413, "too_large"


class Invalid(Refused):
    """Well-formed, but nobody could be sent it."""

    status, code = 422, "invalid"


# --- mailings -------------------------------------------------------------------------------------------


def accept(key: uuid.UUID, request: protocol.MailingRequest) -> Mailing:
    """Store a mailing and give it its Request ID; the same document again gives the same. Raises Refused."""
    instructions = _canonical(request.instructions.model_dump(mode="json"))
    supplemental = _canonical(request.supplemental)
    digest = protocol.digest(_canonical(_told(request)).encode())
    with transaction.atomic():
        mailing = locking.alone(key)
        if mailing.desired == Desired.CANCEL:
            raise Cancelled
        if mailing.request_id is not None:
            if mailing.digest != digest:
                raise Conflict("Another mailing is stored under this key; a changed mailing needs a new key.")
            return mailing
        check(request)
        mailing.request_id = new_request_id()
        mailing.instructions, mailing.supplemental, mailing.digest = instructions, supplemental, digest
        mailing.accepted_at = Now()
        mailing.account = request.instructions.account
        if mailing.rate_per_hour is None:
            mailing.rate_per_hour = request.instructions.rate_per_hour
        if mailing.rate_seq < 0:
            mailing.domain_rates = request.instructions.domain_rates
        mailing.save()
        Pace.objects.create(mailing=mailing)
        Batch.objects.bulk_create(
            Batch(
                mailing=mailing,
                number=entry.number,
                records=entry.records,
                size=entry.size,
                sha256=entry.sha256,
            )
            for entry in request.batches
        )
        mark.rise()
        failpoints.reached("accept.before")
    failpoints.reached("accept.after")
    return mailing


def check(request: protocol.MailingRequest) -> None:
    """Refuse what could never be sent, before anything is stored."""
    if len(_compact(request.supplemental)) > protocol.SUPPLEMENTAL_LIMIT:
        raise TooLarge(f"The Supplemental Data is over {protocol.SUPPLEMENTAL_LIMIT:,} bytes.")
    if request.version != protocol.VERSION:
        raise Invalid(f"This Cloud speaks version {protocol.VERSION} of the contract, not {request.version}.")
    if len({entry.number for entry in request.batches}) < len(request.batches):
        raise Invalid("The manifest names a batch twice.")
    sender = request.instructions.sender
    for name, address in (("From", sender.from_address), ("Reply-To", sender.reply_to)):
        if (address or name == "From") and not protocol.SENDER_ADDRESS.fullmatch(address):
            raise Invalid(f"The {name} address is no address that mail can come from.")
    check_service(request.instructions.service)
    template = request.instructions.template
    try:
        rendering.compile_template(subject=template.subject, html=template.html, text=template.text)
    except rendering.TemplateInvalid as error:
        raise Invalid(str(error)) from None


def check_service(name: str) -> None:
    """Refuse what the mail server would have to send instead: a domain may be let in with the service alone."""
    if name and name not in settings.MAIL_SERVICES:
        known = ", ".join(sorted(settings.MAIL_SERVICES)) or "none"
        raise Invalid(
            f'This Cloud has no service "{name}" to send through; it has: {known}. Nobody was contacted. Choose another'
            " in the Sending Profile, or let an admin of the Cloud add it (MAIL_SERVICES)."
        )


def new_request_id() -> str:
    """As in 02-b5qk…: 128 random bits, easy to read out and to type."""
    return "02-" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


# --- batches --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """A batch as the manifest names it, whether it was received, and what was told of its mailing."""

    batch_id: int
    records: int
    size: int
    sha256: str
    received: bool
    instructions: str


@dataclass(frozen=True)
class Stored:
    """A batch that is here. `due`: it came with this request, and there is something to do in it now."""

    sha256: str
    due: bool = False


def store_batch(key: uuid.UUID, number: int, data: bytes) -> Stored:
    """Store a batch's bytes as the manifest names them; once, however often they come. Raises Refused."""
    named = _named(key, number)
    if len(data) != named.size or protocol.digest(data) != named.sha256:
        raise Conflict("These are not the bytes that the manifest names.")
    if named.received:
        return Stored(named.sha256)
    check_batch(data, named.records, protocol.Instructions.model_validate_json(named.instructions))
    with transaction.atomic():
        # The lock orders this against a control: a batch that comes after a pause waits for the resume.
        standing = locking.share(key)
        if standing is None or standing.desired == Desired.CANCEL:
            raise Cancelled
        if not _store(named.batch_id, data, due=standing.is_due):
            return Stored(named.sha256)
        mark.rise()
        failpoints.reached("store.before")
    failpoints.reached("store.after")
    return Stored(named.sha256, due=standing.is_due)


def check_batch(data: bytes, records: int, instructions: protocol.Instructions) -> None:
    """Refuse bytes that no sender could read."""
    try:
        table = protocol.decode_batch(data)
    except (pa.ArrowInvalid, OSError):
        raise Invalid("The batch is no Arrow IPC stream.") from None
    if table.num_rows != records:
        raise Invalid(f"The batch has {table.num_rows} records; the manifest says {records}.")
    for column in (instructions.recipient_id_column, instructions.email_column):
        if table.column_names.count(column) != 1:
            raise Invalid(f'The batch lacks the column "{column}".')
    kind = table.schema.field(instructions.email_column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise Invalid(f'The column "{instructions.email_column}" holds no text.')


def _named(key: uuid.UUID, number: int) -> Named:
    """The batch of that number, as the manifest has it. Raises Cancelled, UnknownMailing."""
    with connection.cursor() as cursor:
        cursor.execute(NAMED, [number, key])
        desired, *named = cursor.fetchone() or ("", None)
    if desired == Desired.CANCEL:
        raise Cancelled
    if named[0] is None:
        raise UnknownMailing("No mailing of this key has a batch of this number.")
    return Named(*named)


def _store(batch_id: int, data: bytes, *, due: bool) -> bool:
    """False if it was there already."""
    # Django's cursor would write the bytes into the statement, in hex, which costs more than all the rest.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(STORE, [due, batch_id, data])
        return cursor.rowcount == 1


# --- controls -------------------------------------------------------------------------------------------


def control(key: uuid.UUID, request: protocol.ControlRequest) -> Mailing:
    """Apply what is desired, unless a later wish was applied before; call it in a transaction.

    The mailing's row stays locked until the caller commits: counts taken meanwhile are exact, and no send
    intent can be committed between them and the acknowledgement.
    """
    mailing = locking.alone(key)
    if request.seq <= mailing.seq:
        return mailing
    mailing.seq = request.seq
    if mailing.desired != Desired.CANCEL:
        mailing.desired = request.desired
        if request.rate_per_hour is not None:
            pacing.change(key, mailing.rate_per_hour or 0, request.rate_per_hour)
            mailing.rate_per_hour = request.rate_per_hour
        if request.desired == Desired.RUN:
            mailing.over_at = None  # a Job that goes on collects results anew (`retention`)
            guarding.excuse(mailing)
            unfinished(key).update(due_at=Now())
        if request.desired == Desired.CANCEL and Release.objects.filter(mailing=mailing).exists():
            for batch in Batch.objects.filter(mailing=mailing, deferred__gt=0).order_by("pk"):
                ledger.unfree(batch)
    mailing.save()
    mark.rise()
    return mailing


def change_rate(key: uuid.UUID, request: protocol.RateRequest) -> Mailing:
    """Apply rates, unless a later change was applied before. Who holds a batch keeps to them from its next window on;
    before an accepted mailing they are kept for it.
    """
    with transaction.atomic():
        mailing = locking.alone(key)
        if request.seq <= mailing.rate_seq or mailing.desired == Desired.CANCEL:
            return mailing
        pacing.change(key, mailing.rate_per_hour or 0, request.rate_per_hour)
        domains.change(key, mailing.domain_rates, request.domain_rates)
        mailing.rate_seq = request.seq
        mailing.rate_per_hour, mailing.domain_rates = request.rate_per_hour, request.domain_rates
        mailing.save()
        # Batches that wait for their turn do so by the old rates.
        unfinished(key).filter(due_at__isnull=False).update(due_at=Now())
        mark.rise()
        failpoints.reached("rate.before")
    failpoints.reached("rate.after")
    return mailing


def unfinished(key: uuid.UUID) -> QuerySet[Batch]:
    """Batches that hold records not yet at rest. Whoever holds one keeps it: nothing of theirs is void."""
    return Batch.objects.filter(not_at_rest(), mailing_id=key, received_at__isnull=False)


def not_at_rest() -> Q:
    """Batches with records that wait, are in flight or deferred."""
    return Q(records__gt=sum((F(name) for name in AT_REST[1:]), F(AT_REST[0])))


def _told(request: protocol.MailingRequest) -> dict[str, object]:
    """The document without what was added to the contract later and does not say anything: a dashboard that was
    upgraded in the middle of a submission repeats the same one."""
    document: dict[str, object] = request.model_dump(mode="json")
    instructions = document["instructions"]
    assert isinstance(instructions, dict)  # noqa: S101  a document of ours
    document["instructions"] = {
        name: value for name, value in instructions.items() if value or name not in ADDED_LATER
    }
    return document


def _canonical(document: object) -> str:
    """One text per meaning, ASCII, so that PostgreSQL takes whatever JSON may say."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _compact(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
