"""How fast a Job may go: as its Campaign said at the launch, or as a person has said since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Max
from django.db.models.functions import Now

from accelerator.protocol import MailingStatus, RateRequest
from jobs import lifecycle, states
from jobs.models import Ask, Job, RateChange, Step, mark
from jobs.states import State

Outcome = RateChange.Outcome

AT_REST = "The Job is over; nobody else is contacted."
LEARNED = (
    "The Cloud said so. The dashboard's database was restored from a copy that is older than the change."
)


@dataclass(frozen=True)
class Rate:
    """Messages an hour: of all (0: no limit), and to receiving domains."""

    per_hour: int
    domains: Mapping[str, int]

    def __str__(self) -> str:
        return words(self.per_hour, self.domains)

    @property
    def lines(self) -> str:
        """The domains as a person types them."""
        return "\n".join(f"{domain} {rate}" for domain, rate in self.domains.items())


def words(per_hour: int | None, domains: Mapping[str, int]) -> str:
    """A rate as a sentence without its full stop."""
    said = f"At most {per_hour:,} messages per hour" if per_hour else "As fast as the mail server takes them"
    if not domains:
        return said
    some = [f"{rate:,} to {domain}" for domain, rate in domains.items()]
    return f"{said}; per hour at most {', '.join(some)}"


def refusal(job: Job) -> str:
    """Why the rate can't be changed now; empty if it can."""
    return AT_REST if State(job.state) in states.TERMINAL else ""


def outlook(job: Job) -> str:
    """When a change that is asked now takes effect, for whoever asks."""
    if job.request_id:
        return "It is in force once the Cloud has confirmed it."
    return "The Cloud hears of it with the Job, before anybody is contacted."


def launched(job: Job) -> Rate:
    """As the Campaign said."""
    instructions = job.instructions
    return Rate(instructions.rate_per_hour or 0, instructions.domain_rates)


@dataclass(frozen=True)
class Said:
    """A rate, and the change that says it; None: the launch."""

    rate: Rate
    change: RateChange | None


@dataclass(frozen=True)
class Standing:
    """What is in force; and what was asked last, if it waits for the Cloud or was refused by it."""

    now: Said
    asked: Said | None
    refused: Said | None


def standing(job: Job, changes: Sequence[RateChange]) -> Standing:
    """`changes` are all of the Job's, by number."""
    in_force = [change for change in changes if change.outcome == Outcome.IN_FORCE]
    now = Said(of(in_force[-1]), in_force[-1]) if in_force else Said(launched(job), None)
    last = Said(of(changes[-1]), changes[-1]) if changes else now
    outcome = last.change.outcome if last.change else ""
    return Standing(
        now=now,
        asked=last if outcome == Outcome.PENDING else None,
        refused=last if outcome == Outcome.REFUSED else None,
    )


def wanted(job: Job, changes: Iterable[RateChange]) -> Rate:
    """As it was said last, in force or not yet."""
    said = [change for change in changes if change.outcome in (Outcome.PENDING, Outcome.IN_FORCE)]
    return of(said[-1]) if said else launched(job)


def of(change: RateChange) -> Rate:
    """What it says."""
    return Rate(change.rate_per_hour, change.domain_rates)


def pending(job: Job) -> RateChange | None:
    """The change that the Cloud has not confirmed yet."""
    return job.rate_changes.filter(outcome=Outcome.PENDING).order_by("-number").first()


def last_number(job: Job) -> int:
    """The number of the last change; 0: none."""
    last: int = job.rate_changes.aggregate(number=Max("number", default=0))["number"]
    return last


def store(job: Job, rate: Rate, *, by: User, why: str) -> RateChange:
    """Store a change about a locked Job; it replaces the pending one, and makes the talk with the Cloud due.

    Before the Cloud has the Job, it is told behind the submission. While an Ask waits, behind the Ask: whoever tells
    of that one is left to it, so that no pause is put off.
    """
    job.rate_changes.filter(outcome=Outcome.PENDING).update(outcome=Outcome.REPLACED, settled_at=Now())
    change = RateChange.objects.create(
        job=job,
        number=last_number(job) + 1,
        by=by,
        why=why,
        rate_per_hour=rate.per_hour,
        domain_rates=dict(rate.domains),
    )
    if job.request_id and not job.asks.filter(outcome=Ask.Outcome.PENDING).exists():
        lifecycle.due(job, Step.Kind.CONTROLLING)
    mark.rise()
    lifecycle.tell("job %s: rate change %s", job.pk, change.number)
    return change


def request(change: RateChange) -> RateRequest:
    """As the Cloud is told of it."""
    return RateRequest(
        seq=change.number, rate_per_hour=change.rate_per_hour, domain_rates=change.domain_rates
    )


def answered(job: Job, change: RateChange, status: MailingStatus, *, told: bool) -> None:
    """What the Cloud goes by, once it was `told` of the change or before; about a locked Job.

    A Cloud that was told and goes by something else does not do it: an older one, or one that has cancelled the
    mailing. One that had heard a later change, or another one of this number, knows more than this database, which was
    restored: then ours is said again, above it.
    """
    if status.rate_seq == change.number and Rate(status.rate_per_hour, status.domain_rates) == of(change):
        settle(change, Outcome.IN_FORCE)
    elif told and status.rate_seq <= change.number:
        settle(change, Outcome.REFUSED)
    else:
        renumber(job, change, status)


def settle(change: RateChange, outcome: RateChange.Outcome) -> None:
    """The Cloud has answered, about a locked Job; a change that a later one has replaced stays replaced."""
    RateChange.objects.filter(pk=change.pk, outcome=Outcome.PENDING).update(outcome=outcome, settled_at=Now())


def renumber(job: Job, change: RateChange, status: MailingStatus) -> None:
    """Of a locked Job; unless a later change has come meanwhile, which is told next."""
    above = max(last_number(job), status.rate_seq) + 1
    RateChange.objects.filter(pk=change.pk, outcome=Outcome.PENDING).update(number=above)
    learn(job, status)


def learn(job: Job, status: MailingStatus) -> None:
    """The Cloud goes by a change that this database does not know, which was restored: it is known from now on.

    Of a locked Job.
    """
    if status.rate_seq < 0 or job.rate_changes.filter(number=status.rate_seq).exists():
        return
    RateChange.objects.create(
        job=job,
        number=status.rate_seq,
        by=None,
        why=LEARNED,
        rate_per_hour=status.rate_per_hour,
        domain_rates=status.domain_rates,
        outcome=Outcome.IN_FORCE,
        settled_at=Now(),
    )
