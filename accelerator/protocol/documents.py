"""The documents of the HTTP contract, strictly typed; `accelerator/cloud/README.md` tells what they do."""

import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from accelerator.protocol.rates import DomainRates

VERSION = 1

# The largest Supplemental Data document, in bytes of JSON: it is held in memory by every sender.
SUPPLEMENTAL_LIMIT = 1_000_000

# Whole numbers of the contract are at most this.
INTEGER_LIMIT = 2**31 - 1


# What names an account: any word of visible ASCII, which means something to the client alone. Empty: none.
Account = Annotated[str, Field(max_length=64, pattern=r"^[\x21-\x7e]*$")]

# What names a service that the Cloud hands messages to instead of its mail server. Empty: the mail server.
SERVICE_NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
ServiceName = Annotated[str, Field(max_length=40, pattern=r"^([a-z0-9][a-z0-9-]*)?$")]

# The code of a Hold: the Cloud's database was restored from an older copy, and whoever had no outcome is unknown.
RESTORED = "restored"


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
    """What to do with each record. `rate_per_hour` bounds the attempts of the whole mailing; None: no bound.

    `domain_rates` bound those at receiving domains (normal ones), an hour each. Both hold until a RateRequest.
    `account` is whose mailing it is: nobody on the suppression list of that account is contacted, nor on everybody's.
    `service` names who takes the messages, of those that the Cloud knows; empty: its mail server.
    """

    name: str = Field(max_length=200)
    sender: Sender
    template: TemplateSource
    recipient_id_column: str
    email_column: str
    rate_per_hour: int | None = Field(default=None, ge=1, le=INTEGER_LIMIT)
    domain_rates: DomainRates = Field(default_factory=dict)
    account: Account = ""
    service: ServiceName = ""


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


class RateRequest(Document):
    """The body of PUT /v1/mailings/{key}/rate: from now on, attempts an hour of the whole mailing (0: no bound) and
    at receiving domains (those not named: no bound). A `seq` that is not above the applied one changes nothing.
    """

    seq: int = Field(ge=0, le=2**63 - 1)
    rate_per_hour: int = Field(default=0, ge=0, le=INTEGER_LIMIT)
    domain_rates: DomainRates = Field(default_factory=dict)


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
    `restored`: the Cloud's database was restored from an older copy while the mailing was not at its end: nobody is
    sent to any more, and whoever had no outcome is unknown.
    `rate_per_hour` and `domain_rates` are in force, as of the RateRequest `rate_seq` (-1: as instructed).
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
    restored: bool = False
    rate_seq: int = -1
    rate_per_hour: int = 0
    domain_rates: dict[str, int] = Field(default_factory=dict)


class LivingSender(Answer):
    """A process that ended, or sleeps, in the middle of sending, and may still have messages in hand.

    `id` names it in PUT /v1/senders/{id}/gone; `since` (ISO 8601, UTC) is when it was seen first.
    """

    id: int
    host: str
    pid: int
    since: str


class Unknowns(Answer):
    """Recipients of a mailing of whom nobody can know: how many, how many of them may be released, why the others may
    not (a sentence; empty: they may), and the processes that must end first."""

    unknown: int
    releasable: int
    refusal: str = ""
    senders: list[LivingSender] = Field(default_factory=list)


class ReleaseRequest(Document):
    """The body of PUT /v1/mailings/{key}/releases/{act}: a person wants unknown recipients tried again, and why.

    `expected`: how many the person saw; as many, or nobody.
    """

    why: str = Field(min_length=1, max_length=500)
    expected: int | None = Field(default=None, ge=0, le=INTEGER_LIMIT)


class Released(Answer):
    """What became of a release, however often it is asked for: how many recipients are tried again."""

    recipients: int
    at: str


class Recipient(Answer):
    """What came of one recipient: outcome is a field name of Counts; code is the SMTP or enhanced code, or what a
    service answered: its HTTP status or its word for the recipient.

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
    `at` is ISO 8601, UTC. A bounce has a code (as a Recipient), its category and whether it is hard; a suppressed
    recipient has the reason as code. A click has the number of its link in the Template (`rendering.Compiled.links`);
    `machine`: a proxy or scanner opened or clicked.
    """

    position: int = Field(ge=1, le=2**62)
    kind: str = Field(max_length=40)
    at: AwareDatetime
    batch: int = Field(ge=0, le=INTEGER_LIMIT)
    record: int = Field(ge=0, le=INTEGER_LIMIT)
    recipient_id: str
    code: str = Field(default="", max_length=40)
    category: str = Field(default="", max_length=40)
    hard: bool = False
    link: int | None = Field(default=None, ge=0, le=INTEGER_LIMIT)
    machine: bool = False


class EventPage(Answer):
    """Events behind a position, in order; `last` is the highest position the Cloud has given so far."""

    events: list[Event]
    last: int


class SuppressedAddress(Answer):
    """One entry of a suppression list: the address key, the reason, since when (ISO 8601, UTC), and whose list it is
    (an account's; empty: everybody's).

    Who unsubscribed by a mail so old that the Cloud has forgotten whom it was for has no `address` in the list; a
    search for the address finds the entry.
    """

    address: str
    reason: str
    at: str
    account: str = ""


class SuppressionPage(Answer):
    """A page of the list; `next` is the cursor of the following page, None at the end."""

    suppressions: list[SuppressedAddress]
    next: int | None = None


class Addresses(Document):
    """Addresses to look for on a list, to put on it, or to take off it: an account's, or everybody's (empty)."""

    addresses: list[str] = Field(min_length=1, max_length=10_000)
    account: Account = ""


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
