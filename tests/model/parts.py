"""What the model's world is made of: the rows, the processes and the messages, as values that can be compared.

A row's epoch is not counted: it is only ever compared with the epoch that a holder took, so what matters is whether
a holder's epoch is still the row's (`valid`). The same goes for a Job's version (`Seen.current`). "Due" and "leased"
are kept, the times behind them are not: time may pass at any moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from accelerator.protocol import Desired
from jobs.states import Cause, State, Wish

# The rows of a Job that are leased: its steps (jobs.models.Step.Kind) and its notice.
INITIALIZING, PROCESSING, COLLECTING, CONTROLLING = "initializing", "processing", "collecting", "controlling"
NOTICE = "notice"
# Among the rows that a step fences: the Job moved, so whoever read its version before has an old one.
VERSION = "version"
# The same for what is wanted of a mailing: a control was applied, so whoever sent under the one before has an old one.
WISH = "wish"

STAGES = frozenset({INITIALIZING, PROCESSING, COLLECTING})

# Where a recipient is at the Cloud (Intent.State; "" is no row yet). RETRYING: in flight, after a temporary refusal.
WAITING, FLYING, RETRYING, DEFERRED = "", "in flight", "in flight again", "deferred"
DELIVERED, BOUNCED, UNKNOWN = "delivered", "bounced", "unknown"
IN_FLIGHT = frozenset({FLYING, RETRYING})
AT_REST = frozenset({DELIVERED, BOUNCED, UNKNOWN})

# How a step ends: due again, or when somebody says so.
AGAIN, DONE = "let go, due again", "let go"

# A bound that is none.
ANY = -1

NOBODY: frozenset[int] = frozenset()
NO_ROWS: frozenset[str] = frozenset()


class Ask(NamedTuple):
    """A row of jobs.models.Ask. `failure`: the product's own, which ends a Job that fails in Processing."""

    number: int
    wish: Wish
    failure: str = ""


class Job(NamedTuple):
    """A row of jobs.models.Job with what hangs on it at the dashboard."""

    transferred: tuple[bool, ...]  # of each batch
    state: State = State.INITIALIZING
    paused_from: State | None = None
    last_ask: int = 0
    pending: tuple[Ask, ...] = ()
    asked: int = 0  # the number of the newest Ask since the freeze
    frozen: bool = False
    left: bool = False  # files of an extraction in the spool that was not frozen, and whose worker is gone
    request_id: bool = False
    cursor: int = 0  # events that were taken in
    window: str = ""  # "open", "over"; "" before there is one
    failure: str = ""
    notices: int = 0  # rows; the database allows one
    notice: str = ""  # Notice.Outcome
    mails: int = 0  # notification mails that the mail server got
    deleted: bool = False
    due: frozenset[str] = frozenset({INITIALIZING})
    leased: frozenset[str] = NO_ROWS


class Mailing(NamedTuple):
    """The Cloud's rows about one key, and what the receiving mail server got."""

    intents: tuple[str, ...]  # of each recipient
    accepted: tuple[int, ...]  # messages the receiver accepted for each recipient
    known: bool = False
    request_id: bool = False
    desired: Desired = Desired.RUN
    seq: int = 0  # 0: no control was applied; the dashboard's numbers begin with 1
    stopped: bool = False
    received: frozenset[int] = NOBODY  # batches
    due: frozenset[int] = NOBODY
    leased: frozenset[int] = NOBODY
    # For the invariants: whose intents the last pause or cancel counted; whose outcome a death or a cut may hide.
    counted: frozenset[int] = NOBODY
    excused: frozenset[int] = NOBODY

    @property
    def may_send(self) -> bool:
        """locking.Standing.may_send"""
        return self.request_id and self.desired is Desired.RUN and not self.stopped


class Status(NamedTuple):
    """What protocol.MailingStatus says, as far as anybody asks."""

    request_id: bool = False
    seq: int = 0
    stopped: bool = False
    cancelled: bool = False
    attempted: bool = False  # everybody
    at_rest: bool = False
    in_flight: bool = False


class Seen(NamedTuple):
    """The Job as a step's claim read it."""

    state: State
    paused_from: State | None
    request_id: bool
    over: bool
    current: bool = True  # whether its version is still the Job's


class Worker(NamedTuple):
    """A process of the dashboard that is at a step. `at` says what it does next, `holds` what it knows for that."""

    row: str
    at: str
    valid: bool
    seen: Seen | None = None
    holds: tuple[object, ...] = ()

    @property
    def job(self) -> Seen:
        """step.job"""
        assert self.seen is not None
        return self.seen

    def next(self, at: str, *holds: object) -> "Worker":
        """The same process, one step on."""
        return self._replace(at=at, holds=holds)


class Record(NamedTuple):
    """A position of a batch on its way to an intent: `first` if it has no row in the ledger yet."""

    recipient: int
    first: bool


class Sender(NamedTuple):
    """A process of the Cloud that is at a batch: delivering.Sender."""

    batch: int
    at: str
    valid: bool
    pending: tuple[Record, ...] = ()
    open: tuple[Record, ...] = ()  # committed, not begun
    begun: tuple[Record, ...] = ()  # committed, and about to be handed over
    known: tuple[tuple[int, str], ...] = ()  # outcomes that are not recorded
    follows: bool = True  # whether the wish that it read last is still the mailing's
    reads: bool = True  # for a mutant: what was wanted of the mailing when the step began

    @property
    def row(self) -> str:
        """The row that it leases."""
        return f"batch {self.batch}"


class Message(NamedTuple):
    """A request of the dashboard that is still on its way."""

    what: str  # "mailing", "batch", "control"
    number: int = 0
    desired: Desired = Desired.RUN

    def __str__(self) -> str:
        details = {"batch": f" {self.number}", "control": f" {self.number}, {self.desired}"}
        return f"PUT {self.what}{details.get(self.what, '')}"


class Effect(NamedTuple):
    """One atomic step: a transaction or a request. `fences`: the rows whose epoch it raised.

    `kind`: "system" for what goes on by itself, "fault", "person". `cost`: the bound it is counted against.
    `void`: whoever did it had lost the right to, so nothing may have changed.
    """

    did: str
    job: Job
    mailing: Mailing
    actor: Worker | Sender | None  # what becomes of who did it
    kind: str = "system"
    fences: frozenset[str] = NO_ROWS
    cost: str = ""
    late: Message | None = None  # a request that it leaves on its way
    void: bool = False
    cause: Cause | None = None  # of the move that it made
    row: str = ""  # of the lease that runs out


@dataclass(frozen=True)
class Rules:
    """What a search explores, and how much of it. A bound that is not named is 0.

    `faults` bounds the sum of all faults, beside what bounds each kind.
    """

    name: str
    bounds: Mapping[str, int]
    jobs: int = 1
    batches: tuple[int, ...] = (2,)  # recipients in each
    window: int = 2  # intents in one commit
    workers: int = 2
    senders: int = 2
    mutant: str = ""
    promise: str = ""  # the only one that is asked; all of them if it is empty
    plain: bool = False  # nothing is forgotten (`reductions`); for a test of what is

    @property
    def recipients(self) -> int:
        return sum(self.batches)

    def of(self, batch: int) -> range:
        """The recipients of a batch."""
        first = sum(self.batches[:batch])
        return range(first, first + self.batches[batch])


def job(rules: Rules) -> Job:
    """control.create()"""
    return Job(transferred=(False,) * len(rules.batches))


def mailing(rules: Rules) -> Mailing:
    """Nothing at the Cloud, nothing at the receiver."""
    return Mailing(intents=(WAITING,) * rules.recipients, accepted=(0,) * rules.recipients)
