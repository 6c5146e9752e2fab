"""What a house has left behind, as plain rows: what the checker judges. Knows none of the product's models."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Move:
    """A line of a Job's ledger."""

    number: int
    at: datetime
    origin: str
    target: str
    cause: str
    counts: dict[str, int] | None = None
    ask: int | None = None


@dataclass(frozen=True)
class Wish:
    """An Ask."""

    number: int
    at: datetime
    wish: str
    outcome: str


@dataclass(frozen=True)
class Word:
    """What the Cloud's log says about a mailing: at this moment it had applied the control of this number."""

    at: datetime
    number: int
    desired: str


@dataclass(frozen=True)
class Record:
    """A recipient of the frozen extraction: where it stands in the spool, and whom it names."""

    batch: int
    position: int
    recipient_id: str
    address: str


@dataclass
class Piece:
    """A batch, as the manifest has it; `found` is the digest of what really lies in the spool, or at the Cloud."""

    number: int
    records: int
    sha256: str
    transferred: bool
    path: str = ""
    found: str | None = None
    tallies: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Contact:
    """A row of the Cloud's ledger."""

    batch: int
    position: int
    key: str | None
    address: str
    recipient_id: str
    state: str
    attempts: int
    committed_at: datetime
    settled_at: datetime | None = None


@dataclass(frozen=True)
class Told:
    """An event, of the Cloud's log or as the dashboard has it."""

    position: int
    kind: str
    batch: int
    record: int
    recipient_id: str
    code: str = ""
    category: str = ""
    hard: bool = False
    link: int | None = None
    machine: bool = False


@dataclass(frozen=True)
class Mail:
    """A notification in the outbox."""

    to: str
    outcome: str
    problem: str


@dataclass
class Mailing:
    """The Job at the Cloud."""

    request_id: str | None
    desired: str
    pieces: list[Piece] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    log: list[Told] = field(default_factory=list)


@dataclass
class Job:
    """The Job at the dashboard, and `mailing` at the Cloud if anything of it is there."""

    id: uuid.UUID
    state: str
    version: int
    paused_from: str | None
    last_ask: int
    failure: str
    extracted: int | None
    frozen: bool
    request_id: str | None
    counts: dict[str, int]
    cursor: int
    sender: str
    notify: str
    columns: tuple[str, str] = ("", "")  # of the spool: recipient id, email
    tokens: list[uuid.UUID] = field(default_factory=list)
    busy_steps: list[str] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    leftovers: int = (
        0  # files in the spool that no page offers, of a Job that never reached the Cloud and rests
    )
    mails: list[Mail] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    extraction: list[Record] = field(default_factory=list)
    events: list[Told] = field(default_factory=list)
    tallies: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    mailing: Mailing | None = None

    @property
    def began(self) -> datetime:
        return self.moves[0].at

    @property
    def ended(self) -> datetime:
        return self.moves[-1].at


@dataclass(frozen=True)
class Acceptance:
    """A line of the receiver's journal: the message was accepted (`kind` empty), or refused."""

    at: datetime
    sender: str
    recipient: str
    message_id: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Barred:
    """An entry of the suppression list; `at`: when it was certainly there."""

    key: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Act:
    """What somebody did (see `acts`), at the moment of the answer; `job`: whose mail it was done with."""

    at: datetime
    what: str
    key: str
    job: uuid.UUID | None = None


@dataclass(frozen=True)
class Death:
    """Somebody died, or slept too long, who may leave so many windows of intents unknown, or so many messages.

    `job`: whose they are, where that is known.
    """

    at: datetime
    who: str
    windows: int = 0
    messages: int = 0
    job: uuid.UUID | None = None


@dataclass
class Evidence:
    """Everything, or (not `whole`) what concerns some Jobs.

    `clicks` are tokens of launches that people have sent, with their campaigns (None: nobody wrote that down);
    `campaigns` are the same as the dashboard has them.
    """

    jobs: list[Job]
    whole: bool = True
    received: list[Acceptance] = field(default_factory=list)
    refused: list[Acceptance] = field(default_factory=list)
    barred: list[Barred] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    clicks: dict[uuid.UUID, int] | None = None
    campaigns: dict[uuid.UUID, int] = field(default_factory=dict)
    strangers: list[uuid.UUID] = field(
        default_factory=list
    )  # keys at the Cloud that no Job of the dashboard has
    texts: dict[str, str] = field(default_factory=dict)  # where (broker, log), and what stands there
    secrets: dict[str, str] = field(default_factory=dict)
    notices_from: str = ""
