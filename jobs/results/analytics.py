"""What came of a Job's contacts, as numbers: the measures and their rates. Reads Tally, never Event or Reached.

Counts of the equation's classes are the Cloud's exact ones (`Job.counts`). What they consist of comes from the events,
which may be a little behind them or ahead of them.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.models import Job, Tally
from jobs.results import wording

# Categories and reasons that are named beside a measure.
MAIN = 3

# What a Job's Tally rows say: (measure, detail) to (total, recipients).
Tallies = Mapping[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True)
class Part:
    """One kind of what a measure consists of."""

    name: str
    label: str
    count: int


@dataclass(frozen=True)
class Hits:
    """Opens or clicks: those of people (how many people, how often), and those of machines apart."""

    people: int
    total: int
    machine_people: int
    machine_total: int


@dataclass(frozen=True)
class Summary:
    """The measures of a Job. Rates are from 0 to 1, and None where there is nothing to compare with.

    `delivered`, `bounced`, `suppressed` and `unknown` are exact; `counted` is how many deliveries the events have told
    of so far. `attrition` is how many recipients were lost: one who unsubscribed and complained is one.
    """

    extracted: int
    delivered: int
    bounced: int
    suppressed: int
    unknown: int
    counted: int
    opens: Hits
    clicks: Hits
    attrition: int
    unsubscribes: int
    complaints: int
    hard: int
    soft: int
    categories: tuple[Part, ...]
    reasons: tuple[Part, ...]

    @property
    def empty(self) -> bool:
        """Whether no mail server has taken or refused anything yet."""
        return not (self.answered or self.opens.total or self.clicks.total)

    @property
    def answered(self) -> int:
        """Messages that a mail server has taken or refused for good."""
        return self.delivered + self.bounced

    @property
    def late(self) -> int:
        """Deliveries that the details do not know of yet."""
        return max(0, self.delivered - self.counted)

    @property
    def kinds(self) -> str:
        """What the bounces are, as far as it is known: it may not add up to `bounced` yet."""
        known = self.hard + self.soft
        return f"{self.hard:,} hard, {self.soft:,} soft{_yet(known, self.bounced)}" if known else ""

    @property
    def main_categories(self) -> tuple[Part, ...]:
        """Whether hard or soft, by what they are about."""
        words = Counter[str]()
        for part in self.categories:
            words[part.name.partition(".")[2]] += part.count
        return _main(tuple(_sorted(Part(word, wording.category(word), n) for word, n in words.items())))

    @property
    def main_reasons(self) -> tuple[Part, ...]:
        return _main(self.reasons)

    @property
    def delivery_rate(self) -> float | None:
        return _share(self.delivered, self.answered)

    @property
    def bounce_rate(self) -> float | None:
        return _share(self.bounced, self.answered)

    @property
    def suppressed_rate(self) -> float | None:
        return _share(self.suppressed, self.extracted)

    @property
    def open_rate(self) -> float | None:
        return _share(self.opens.people, self._reached)

    @property
    def machine_open_rate(self) -> float | None:
        return _share(self.opens.machine_people, self._reached)

    @property
    def click_rate(self) -> float | None:
        return _share(self.clicks.people, self._reached)

    @property
    def click_to_open_rate(self) -> float | None:
        """Of those who opened; None where more clicked than opened: without images a mail is read and not opened."""
        if self.clicks.people > self.opens.people:
            return None
        return _share(self.clicks.people, self.opens.people)

    @property
    def attrition_rate(self) -> float | None:
        return _share(self.attrition, self._reached)

    @property
    def _reached(self) -> int:
        # Who is Unknown may have the message and open it; and an event may be here before the count that holds its
        # delivery: no rate may come to more than all.
        return max(self.delivered, self.counted) + self.unknown


@dataclass(frozen=True)
class Rates:
    """How many of those delivered to opened and clicked, 0 to 1; None before anything is delivered."""

    opens: float | None
    clicks: float | None


def tallies(job: Job) -> Tallies:
    """One query, whose rows do not grow with the recipients."""
    rows = Tally.objects.filter(job=job).values_list("measure", "detail", "total", "recipients")
    return {(measure, detail): (total, people) for measure, detail, total, people in rows}


def summary(job: Job, counted: Tallies) -> Summary:
    """The measures, from exact counts and tallies."""
    counts = job.counts
    return Summary(
        extracted=job.extracted or 0,
        delivered=counts.delivered,
        bounced=counts.bounced,
        suppressed=counts.suppressed,
        unknown=counts.unknown,
        counted=_total(counted, "deliveries"),
        opens=_hits(counted, "opens"),
        clicks=_hits(counted, "clicks"),
        attrition=_people(counted, "attrition"),
        unsubscribes=_people(counted, "unsubscribes"),
        complaints=_people(counted, "complaints"),
        hard=_total(counted, "hard_bounces"),
        soft=_total(counted, "soft_bounces"),
        categories=_categories(counted),
        reasons=tuple(
            _sorted(Part(word, wording.reason(word), n) for word, n in _details(counted, "suppressed"))
        ),
    )


def rates(jobs: Iterable[Job]) -> dict[uuid.UUID, Rates]:
    """The rates of several Jobs, in one query."""
    wanted = list(jobs)
    rows = Tally.objects.filter(job__in=wanted, detail="", measure__in=("deliveries", "opens", "clicks"))
    found: dict[uuid.UUID, dict[tuple[str, str], tuple[int, int]]] = {job.pk: {} for job in wanted}
    for job_id, measure, total, people in rows.values_list("job_id", "measure", "total", "recipients"):
        found[job_id][measure, ""] = (total, people)
    summaries = {job.pk: summary(job, found[job.pk]) for job in wanted}
    return {pk: Rates(one.open_rate, one.click_rate) for pk, one in summaries.items()}


def _categories(counted: Tallies) -> tuple[Part, ...]:
    """Hard and soft bounces by what they are about; the name tells both."""
    parts = [
        Part(f"{'hard' if hard else 'soft'}.{word}", wording.bounce(word, hard=hard), count)
        for measure, hard in (("hard_bounces", True), ("soft_bounces", False))
        for word, count in _details(counted, measure)
    ]
    return tuple(_sorted(parts))


def _main(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The largest, and what the others come to."""
    if len(parts) <= MAIN + 1:
        return parts
    rest = sum(part.count for part in parts[MAIN:])
    return (*parts[:MAIN], Part("others", "for other reasons", rest))


def _yet(known: int, exact: int) -> str:
    """Counts and events do not come together; whoever adds them up meanwhile is told."""
    return "" if known == exact else " so far" if known < exact else " and counting"


def _details(counted: Tallies, measure: str) -> list[tuple[str, int]]:
    return [(detail, total) for (name, detail), (total, _) in counted.items() if name == measure and detail]


def _sorted(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (-part.count, part.label))


def _hits(counted: Tallies, measure: str) -> Hits:
    machine = f"machine_{measure}"
    return Hits(
        _people(counted, measure),
        _total(counted, measure),
        _people(counted, machine),
        _total(counted, machine),
    )


def _total(counted: Tallies, measure: str) -> int:
    return counted.get((measure, ""), (0, 0))[0]


def _people(counted: Tallies, measure: str) -> int:
    return counted.get((measure, ""), (0, 0))[1]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
