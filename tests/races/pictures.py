"""Everything that can be seen of one Job from outside at one moment: dashboard's rows, Cloud's answers, mail server."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from http import HTTPStatus

from django.contrib.auth.models import User

from accelerator import protocol
from accelerator.protocol import MailingStatus
from jobs import results, spool
from jobs.client import CloudRefused
from jobs.models import Ask, Batch, Job, Notice
from tests.races.world import Launched, World


@dataclass(frozen=True)
class Line:
    """A line of the ledger."""

    number: int
    origin: str
    target: str
    cause: str
    ask: int | None


@dataclass(frozen=True)
class Wished:
    """An Ask."""

    pk: int
    number: int
    wish: str
    outcome: str
    by_nobody: bool


@dataclass(frozen=True)
class Picture:
    """One Job, seen from outside."""

    job: Job
    visible: bool
    ledger: tuple[Line, ...]
    asks: tuple[Wished, ...]
    notice: Notice | None
    batches: tuple[tuple[int, int, str], ...]  # number, records, sha256
    extraction: frozenset[str] | None  # address keys in the spool, where it is kept
    segments: dict[str, int]  # the equation that the page shows
    kinds: Counter[str]  # of the events that were pulled
    tallies: dict[str, int]

    status: MailingStatus | None  # None: the Cloud has never heard of the key
    seq: int
    intents: dict[str, frozenset[str]]  # address keys by state
    duplicates: int  # intents that claim no address
    log: int  # events that the Cloud has to tell

    received: Counter[str]  # acceptances by address key
    mails: int  # notification mails that were accepted

    @property
    def sends(self) -> bool:
        """Whether the Cloud may contact somebody new."""
        return self.status is not None and self.status.desired == "run" and self.status.stopped is None

    @property
    def hold(self) -> tuple[object, ...]:
        """What stands in the way of sending; as long as it is the same, nobody said anything else."""
        assert self.status is not None
        return self.seq, self.status.desired, self.status.stopped

    @property
    def claimed(self) -> frozenset[str]:
        """Addresses that an intent was committed for."""
        return frozenset().union(*(keys for state, keys in self.intents.items()))


def take(world: World, launched: Launched, viewer: User, before: Picture | None = None) -> Picture:
    """Look at everything, now; what was in the spool `before` is not read again while the manifest is the same."""
    job = launched.job
    stored = list(job.batches.order_by("number"))
    batches = tuple((batch.number, batch.records, batch.sha256) for batch in stored)
    known = before is not None and before.batches == batches and before.extraction is not None
    seq, intents, duplicates, log = _ledger(world, job)
    tallies = {row.measure: row.total for row in job.tallies.filter(detail="")}
    return Picture(
        job=job,
        visible=Job.objects.visible_to(viewer).filter(pk=job.pk).exists(),
        ledger=tuple(
            Line(line.number, line.origin, line.target, line.cause, line.ask_id)
            for line in job.transitions.order_by("number")
        ),
        asks=tuple(
            Wished(ask.pk, ask.number, ask.wish, ask.outcome, ask.by_id is None)
            for ask in Ask.objects.filter(job=job).order_by("pk")
        ),
        notice=Notice.objects.filter(job=job).first(),
        batches=batches,
        extraction=before.extraction if before is not None and known else _extraction(job, stored),
        segments={segment.name: segment.count for segment in results.breakdown(job).segments},
        kinds=Counter(job.events.values_list("kind", flat=True)),
        tallies=tallies,
        status=_status(world, job),
        seq=seq,
        intents=intents,
        duplicates=duplicates,
        log=log,
        received=Counter(world.received(launched.domain)),
        mails=len(world.received(f"notices.{launched.domain}")),
    )


def _status(world: World, job: Job) -> MailingStatus | None:
    try:
        return world.cloud.status(job.pk)
    except CloudRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _ledger(world: World, job: Job) -> tuple[int, dict[str, frozenset[str]], int, int]:
    """The Cloud's own rows: the control applied last, intents by state, events in the log."""
    mailing = world.ledger.execute("SELECT seq FROM cloud_mailing WHERE key = %s", [job.pk]).fetchone()
    rows = world.ledger.execute(
        "SELECT state, address_key FROM cloud_intent WHERE mailing_id = %s", [job.pk]
    ).fetchall()
    intents = defaultdict(set)
    for state, key in rows:
        if key is not None:
            intents[str(state)].add(str(key))
    log = world.ledger.execute(
        "SELECT coalesce(sum(count), 0)::int FROM cloud_logentry WHERE mailing_id = %s", [job.pk]
    ).fetchone()
    assert log is not None
    return (
        int(str(mailing[0])) if mailing else -1,
        {state: frozenset(keys) for state, keys in intents.items()},
        sum(1 for _, key in rows if key is None),
        int(str(log[0])),
    )


def _extraction(job: Job, stored: list[Batch]) -> frozenset[str] | None:
    """Who is in the spool; None before the freeze, and where it was deleted because nobody will be contacted."""
    if not stored:
        return None
    column = job.instructions.audience.email_column
    try:
        tables = [protocol.decode_batch(spool.read(batch)) for batch in stored]
    except FileNotFoundError:
        return None
    return frozenset(protocol.address_key(row) for table in tables for row in table[column].to_pylist())
