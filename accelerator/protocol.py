"""The words that the dashboard and the Cloud exchange: documents, batches, address keys and signatures.

Both sides import this module and nothing of each other. The HTTP contract built on it is told in
`accelerator/cloud/README.md`.
"""

import datetime
import hashlib
import hmac
import io
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import idna
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

VERSION = 1

# Seconds that a request's time may differ from the Cloud's clock before it is refused (and told the time).
CLOCK_TOLERANCE = 300

# The largest Supplemental Data document, in bytes of JSON: it is held in memory by every sender.
SUPPLEMENTAL_LIMIT = 1_000_000

# Whole numbers of the contract are at most this.
INTEGER_LIMIT = 2**31 - 1


class Desired(StrEnum):
    """What the dashboard wants a Mailing to do."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class MailingState(StrEnum):
    """What a Mailing is doing."""

    UNKNOWN = "unknown"  # the Cloud has never accepted a mailing of that key
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"  # every record is at rest: nothing to attempt, nothing to retry


class Document(BaseModel):
    """A document of the contract. Types are strict: the string "1" is no integer."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Answer(BaseModel):
    """A document the Cloud answers with; fields that a newer Cloud adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Sender(Document):
    """Whose name stands on the message."""

    from_name: str = Field(max_length=200)
    from_address: str = Field(max_length=254)
    reply_to: str = Field(default="", max_length=254)


class TemplateSource(Document):
    """The Template as written, not yet compiled."""

    subject: str = Field(max_length=2_000)
    html: str = Field(max_length=1_000_000)
    text: str = Field(max_length=1_000_000)


class Instructions(Document):
    """What to do with each record. `rate_per_hour` bounds the attempts of the whole mailing; None: no bound."""

    name: str = Field(max_length=200)
    sender: Sender
    template: TemplateSource
    recipient_id_column: str
    email_column: str
    rate_per_hour: int | None = Field(default=None, ge=1, le=INTEGER_LIMIT)


class BatchEntry(Document):
    """One batch of the manifest: its number (from 0), records, bytes and SHA-256 in hex."""

    number: int = Field(ge=0, le=INTEGER_LIMIT)
    records: int = Field(ge=1, le=INTEGER_LIMIT)
    size: int = Field(ge=1, le=INTEGER_LIMIT)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class MailingRequest(Document):
    """The body of PUT /v1/mailings/{key}: everything but the batches' bytes."""

    version: int = VERSION
    instructions: Instructions
    batches: list[BatchEntry] = Field(min_length=1)
    supplemental: dict[str, object] = Field(default_factory=dict)

    @property
    def records(self) -> int:
        return sum(batch.records for batch in self.batches)


class ControlRequest(Document):
    """The body of PUT /v1/mailings/{key}/control. A `seq` lower than the applied one changes nothing.

    `rate_per_hour` None leaves the rate as it is, 0 lifts it.
    """

    seq: int = Field(ge=0, le=2**63 - 1)
    desired: Desired = Field(strict=False)
    rate_per_hour: int | None = Field(default=None, ge=0, le=INTEGER_LIMIT)


class Counts(Answer):
    """Exact numbers of records by class; each transferred record is in exactly one of them.

    `attempted` cuts across: records whose first attempt is over, whatever came of it.
    """

    transferred: int = 0
    waiting: int = 0
    in_flight: int = 0
    deferred: int = 0
    delivered: int = 0
    bounced: int = 0
    suppressed: int = 0
    render_errors: int = 0
    unknown: int = 0
    not_sent: int = 0
    attempted: int = 0

    @property
    def at_rest(self) -> bool:
        """Whether nothing waits, nothing is in flight and nothing will be retried."""
        return not (self.waiting or self.in_flight or self.deferred)


class Hold(Answer):
    """Why a mailing waits or was stopped by the Cloud itself: a sentence, and since when (ISO 8601, UTC)."""

    code: str
    reason: str
    since: str


class MailingStatus(Answer):
    """The Cloud's answer about one mailing, and its acknowledgement of a control.

    `held`: the mailing waits by itself (its mail server is away) and goes on by itself.
    `stopped`: the Cloud paused it and a person must look; the next `run` control clears it.
    `last_attempt_at`: the last first attempt so far (ISO 8601, UTC), None before the first.
    """

    key: str
    state: MailingState
    request_id: str | None = None
    seq: int = 0
    desired: Desired = Desired.RUN
    counts: Counts = Counts()
    held: Hold | None = None
    stopped: Hold | None = None
    last_attempt_at: str | None = None


class Recipient(Answer):
    """What came of one recipient: outcome is a field name of Counts; code is the SMTP or enhanced code.

    `category` and `hard` say more about a bounce.
    """

    recipient_id: str
    address: str
    outcome: str
    code: str = ""
    reply: str = ""
    at: str = ""
    category: str = ""
    hard: bool = False


class EventKind(StrEnum):
    """What happened to one recipient. The first five are outcomes, named like the fields of Counts."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    RENDER_ERRORS = "render_errors"
    UNKNOWN = "unknown"
    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"


class Event(Answer):
    """One thing that happened to one recipient of a mailing.

    `position` counts from 1 without gaps, in the order in which the Cloud numbered what it had committed. `kind` is
    an EventKind, or a word that only a newer Cloud knows. `batch` and `record` (both from 0) name the recipient;
    `at` is ISO 8601, UTC. A bounce has the SMTP or enhanced code, its category and whether it is hard; a suppressed
    recipient has the reason as code. A click has the number of its link in the Template (`rendering.Compiled.links`);
    `machine`: a proxy or scanner opened or clicked.
    """

    position: int
    kind: str
    at: str
    batch: int
    record: int
    recipient_id: str
    code: str = ""
    category: str = ""
    hard: bool = False
    link: int | None = None
    machine: bool = False


class EventPage(Answer):
    """Events behind a position, in order; `last` is the highest position the Cloud has given so far."""

    events: list[Event]
    last: int


class SuppressedAddress(Answer):
    """One entry of the suppression list: the address key, the reason, since when (ISO 8601, UTC)."""

    address: str
    reason: str
    at: str


class SuppressionPage(Answer):
    """A page of the list; `next` is the cursor of the following page, None at the end."""

    suppressions: list[SuppressedAddress]
    next: int | None = None


class Addresses(Document):
    """Addresses to look for on the list, to put on it, or to take off it."""

    addresses: list[str] = Field(min_length=1, max_length=10_000)


class Complaint(Document):
    """Who complained of spam: by Request ID and address, or by a link that stood in the mail (RFC 5965 reports)."""

    request_id: str = ""
    address: str = ""
    link: str = ""


class Complaints(Document):
    """Spam complaints from a feedback loop or a person."""

    complaints: list[Complaint] = Field(min_length=1, max_length=10_000)


class Changed(Answer):
    """How many entries a request made or removed."""

    changed: int


class HealthPart(Answer):
    """One part of a system: its name, whether it is well, and a sentence that says what is the case."""

    name: str
    ok: bool
    sentence: str


class CloudHealth(Answer):
    """How the Cloud is: its clock in seconds since the epoch, and its parts."""

    time: int
    parts: list[HealthPart]


class RecipientPage(Answer):
    """A page of recipients of one outcome; `next` is the cursor of the following page, None at the end."""

    recipients: list[Recipient]
    next: str | None = None


def iso(at: datetime.datetime) -> str:
    """A moment as documents carry it: ISO 8601, UTC."""
    return at.astimezone(datetime.UTC).isoformat()


# --- addresses ------------------------------------------------------------------------------------------


# What may stand in a From header unquoted (RFC 5322, section 3.2.3); nobody sends from a quoted local part.
SENDER_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


class AddressInvalid(ValueError):
    """The text is no address that mail can be sent to."""


_BLANK = re.compile(r"[\s\x00-\x1f]")


def address_key(address: str) -> str:
    """What makes two addresses the same person: the domain in IDNA A-labels, the whole address lower-cased.

    Lower-casing the local part is stricter than RFC 5321 section 2.4 asks, on purpose: contacting
    Bob@ and bob@ as two people is the worse error.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not domain or _BLANK.search(address.strip()):
        raise AddressInvalid("not an address: it needs one name, one @ and one domain, without spaces")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise AddressInvalid("the domain of the address cannot exist") from error
    return f"{local}@{ascii_domain}".lower()


# --- batches --------------------------------------------------------------------------------------------


def encode_batch(table: pa.Table) -> bytes:
    """One batch as an Arrow IPC stream, zstd-compressed."""
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode_batch(data: bytes) -> pa.Table:
    """The table in a batch's bytes. Raises `pyarrow.ArrowInvalid` for anything else."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def digest(data: bytes) -> str:
    """SHA-256 in hex: how the manifest and the signature name bytes."""
    return hashlib.sha256(data).hexdigest()


# --- signatures -----------------------------------------------------------------------------------------

HEADER_KEY = "Accelerator-Key"
HEADER_TIME = "Accelerator-Time"
HEADER_NONCE = "Accelerator-Nonce"
HEADER_SIGNATURE = "Accelerator-Signature"


@dataclass(frozen=True)
class Key:
    """A signing key: its public id and its secret."""

    id: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> "Key":
        """From "id:secret"."""
        key_id, colon, secret = text.partition(":")
        if not (key_id and colon and secret):
            raise ValueError('a key is written "id:secret"')
        return cls(key_id, secret)


class SignatureInvalid(Exception):
    """A request that is not signed by a known key, or not for this method, path and body."""


class ClockSkewed(SignatureInvalid):
    """The request's time is too far from the Cloud's."""


def sign(
    key: Key, method: str, path: str, body: bytes, *, at: int, nonce: str | None = None
) -> dict[str, str]:
    """The headers that sign a request; `path` includes the query, `at` is in seconds since the epoch."""
    nonce = nonce or secrets.token_urlsafe(16)
    return {
        HEADER_KEY: key.id,
        HEADER_TIME: str(at),
        HEADER_NONCE: nonce,
        HEADER_SIGNATURE: _signature(key, method, path, body, at, nonce),
    }


def verify(
    keys: Mapping[str, Key], method: str, path: str, body: bytes, headers: Mapping[str, str], *, now: int
) -> str:
    """Check a request's signature and time; return its nonce, which the caller must refuse a second time."""
    key = keys.get(headers.get(HEADER_KEY, ""))
    nonce = headers.get(HEADER_NONCE, "")
    try:
        at = int(headers.get(HEADER_TIME, ""))
    except ValueError:
        raise SignatureInvalid("the request carries no time") from None
    if key is None or not nonce or len(nonce) > 64:
        raise SignatureInvalid("the request is not signed by a key this Cloud knows")
    expected = _signature(key, method, path, body, at, nonce)
    # As bytes: text that is not ASCII cannot be compared in constant time.
    if not hmac.compare_digest(expected.encode(), headers.get(HEADER_SIGNATURE, "").encode()):
        raise SignatureInvalid("the signature does not fit the request")
    # Only an authentic request is told how far its clock is off.
    if abs(now - at) > CLOCK_TOLERANCE:
        raise ClockSkewed("the request's time is too far from this Cloud's")
    return nonce


def _signature(key: Key, method: str, path: str, body: bytes, at: int, nonce: str) -> str:
    message = "\n".join([method.upper(), path, str(at), nonce, digest(body)])
    return hmac.new(key.secret.encode(), message.encode(), hashlib.sha256).hexdigest()
