"""How fast a Job may go: as its Campaign said at the launch, or as a person has said since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Max
from django.db.models.functions import Now

from accelerator.protocol import RateRequest
from jobs import lifecycle, states
from jobs.models import Job, RateChange, Step, mark
from jobs.states import State

Outcome = RateChange.Outcome

NOT_YET = "The rate can be changed once the Cloud has the Job. Until then, nobody is contacted."
AT_REST = "The Job is over; nobody else is contacted."


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
    if State(job.state) in states.TERMINAL:
        return AT_REST
    return "" if job.request_id else NOT_YET


def launched(job: Job) -> Rate:
    """As the Campaign said."""
    instructions = job.instructions
    return Rate(instructions.rate_per_hour or 0, instructions.domain_rates)


def wanted(job: Job, changes: Iterable[RateChange]) -> Rate:
    """As it was said last, in force or not yet."""
    said = [change for change in changes if change.outcome in (Outcome.PENDING, Outcome.IN_FORCE)]
    return of(said[-1]) if said else launched(job)


def of(change: RateChange) -> Rate:
    return Rate(change.rate_per_hour, change.domain_rates)


def pending(job: Job) -> RateChange | None:
    """The change that the Cloud has not confirmed yet."""
    return job.rate_changes.filter(outcome=Outcome.PENDING).order_by("-number").first()


def store(job: Job, rate: Rate, *, by: User, why: str) -> RateChange:
    """Store a change about a locked Job; it replaces the pending one, and makes the talk with the Cloud due."""
    last = job.rate_changes.aggregate(number=Max("number", default=0))["number"]
    job.rate_changes.filter(outcome=Outcome.PENDING).update(outcome=Outcome.REPLACED, settled_at=Now())
    change = RateChange.objects.create(
        job=job, number=last + 1, by=by, why=why, rate_per_hour=rate.per_hour, domain_rates=dict(rate.domains)
    )
    lifecycle.due(job, Step.Kind.CONTROLLING)
    mark.rise()
    lifecycle.tell("job %s: rate change %s", job.pk, change.number)
    return change


def request(change: RateChange) -> RateRequest:
    """As the Cloud is told of it."""
    return RateRequest(
        seq=change.number, rate_per_hour=change.rate_per_hour, domain_rates=change.domain_rates
    )


def settle(change: RateChange, outcome: RateChange.Outcome) -> None:
    """The Cloud has answered, about a locked Job."""
    RateChange.objects.filter(pk=change.pk, outcome=Outcome.PENDING).update(outcome=outcome, settled_at=Now())


def renumber(change: RateChange, applied: int) -> None:
    """The Cloud has applied a later word than ours (this database is older than it): ours is said again, above it."""
    RateChange.objects.filter(pk=change.pk).update(number=max(change.number, applied) + 1)
