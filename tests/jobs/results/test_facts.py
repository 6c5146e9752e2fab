"""Facts are counted once: whatever comes twice, late or in another order, the numbers are the same."""

import itertools
import random
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from accelerator.protocol import Event, EventPage
from jobs.models import Event as StoredEvent
from jobs.models import Job, Point, Reached, Tally
from jobs.results import facts
from tests.jobs import cast

BEGIN = datetime(2026, 11, 22, 10, 31, 12, tzinfo=UTC)
NUMBERS = itertools.count()
KINDS = (
    "delivered",
    "bounced",
    "suppressed",
    "unknown",
    "render_errors",
    "open",
    "click",
    "unsubscribe",
    "complaint",
)


@pytest.fixture
def job(db: None, tmp_path: Path) -> Job:
    return another(tmp_path, "one")


def another(folder: Path, name: str) -> Job:
    alice = cast.person(f"alice-{name}", cast.account())
    return cast.job(cast.customers(folder / f"{name}.duckdb", [(1, "bob@example.com", "Bob")]), alice)


def event(position: int, kind: str, record: int = 0, **more: object) -> Event:
    document: dict[str, object] = {
        "position": position,
        "kind": kind,
        "at": BEGIN + timedelta(seconds=position),
        "batch": 0,
        "record": record,
        "recipient_id": str(record),
    }
    return Event.model_validate(document | more)


def page(*events: Event) -> EventPage:
    return EventPage(events=list(events), last=max((one.position for one in events), default=0))


def tallies(job: Job) -> dict[tuple[str, str], tuple[int, int]]:
    return {(row.measure, row.detail): (row.total, row.recipients) for row in Tally.objects.filter(job=job)}


def numbers(job: Job) -> tuple[object, ...]:
    """Everything that is counted."""
    points = Point.objects.filter(job=job).values_list("measure", "width", "start", "count")
    reached = Reached.objects.filter(job=job).values_list("measure", "detail", "batch", "record")
    return tallies(job), sorted(points), sorted(reached)


def world(seed: int, size: int) -> list[Event]:
    """What may happen to fifty people."""
    chance = random.Random(seed)  # noqa: S311
    log = []
    for position in range(1, size + 1):
        kind = chance.choice(KINDS)
        more: dict[str, object] = {"batch": chance.randrange(2)}
        if kind == "bounced":
            more |= {
                "hard": chance.random() < 0.5,
                "category": chance.choice(("unknown_user", "policy")),
                "code": "5.1.1",
            }
        if kind in ("open", "click"):
            more |= {"machine": chance.random() < 0.3}
        if kind == "click":
            more |= {"link": chance.randrange(3)}
        if kind == "suppressed":
            more |= {"code": chance.choice(("unsubscribed", "added"))}
        log.append(event(position, kind, chance.randrange(25), **more))
    return log


def ledger(log: list[Event]) -> dict[tuple[str, str], tuple[int, int]]:
    """The same numbers, counted plainly: by reading the whole log at once."""
    names = {
        "delivered": "deliveries",
        "unsubscribe": "unsubscribes",
        "complaint": "complaints",
        "open": "opens",
        "click": "clicks",
    }
    totals: Counter[tuple[str, str]] = Counter()
    people: defaultdict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
    for one in log:
        measure = names.get(one.kind, one.kind)
        if one.kind == "bounced":
            measure = "hard_bounces" if one.hard else "soft_bounces"
        measure = f"machine_{measure}" if one.machine else measure
        detail = {"bounced": one.category, "suppressed": one.code, "click": str(one.link)}.get(one.kind, "")
        lost = {("attrition", "")} if one.kind in ("unsubscribe", "complaint") else set()
        for key in {(measure, ""), (measure, detail)} | lost:
            totals[key] += 1
            if one.kind in ("open", "click", "unsubscribe", "complaint"):
                people[key].add((one.batch, one.record))
    return {key: (total, len(people[key])) for key, total in totals.items()}


def test_it_counts_what_happened(job: Job) -> None:
    log = [
        event(1, "delivered", 1),
        event(2, "delivered", 2),
        event(3, "bounced", 3, hard=True, category="unknown_user", code="5.1.1"),
        event(4, "suppressed", 4, code="unsubscribed"),
        event(5, "open", 1),
        event(6, "open", 1),
        event(7, "open", 2, machine=True),
        event(8, "click", 1, link=0),
        event(9, "click", 1, link=1),
        event(10, "click", 2, link=1),
        event(11, "unsubscribe", 2),
    ]
    assert facts.store(job, page(*log)) == 11
    assert tallies(job) == {
        ("deliveries", ""): (2, 0),
        ("hard_bounces", ""): (1, 0),
        ("hard_bounces", "unknown_user"): (1, 0),
        ("suppressed", ""): (1, 0),
        ("suppressed", "unsubscribed"): (1, 0),
        ("opens", ""): (2, 1),
        ("machine_opens", ""): (1, 1),
        ("clicks", ""): (3, 2),
        ("clicks", "0"): (1, 1),
        ("clicks", "1"): (2, 2),
        ("unsubscribes", ""): (1, 1),
        ("attrition", ""): (1, 1),
    }
    assert job.events_cursor == Job.objects.get(pk=job.pk).events_cursor == 11


def test_whoever_unsubscribes_and_complains_is_one_recipient_lost(job: Job) -> None:
    facts.store(job, page(event(1, "unsubscribe", 1), event(2, "complaint", 1), event(3, "complaint", 2)))
    assert tallies(job)["attrition", ""] == (3, 2)


def test_a_page_that_comes_again_changes_nothing(job: Job) -> None:
    log = world(1, 60)
    facts.store(job, page(*log[:40]))
    before = numbers(job)
    assert facts.store(job, page(*log[:40])) == 0
    assert numbers(job) == before
    assert facts.store(job, page(*log[20:])) == 20
    assert tallies(job) == ledger(log)


def test_the_cursor_stays_before_what_is_missing(job: Job) -> None:
    log = world(2, 30)
    facts.store(job, page(*log[:10]))
    facts.store(job, page(*log[20:]))
    assert job.events_cursor == 10
    facts.store(job, page(*log[10:20], *log[20:]))
    assert job.events_cursor == 30
    assert tallies(job) == ledger(log)


def test_points_are_minutes_and_hours_of_when_it_happened(job: Job) -> None:
    late = event(2, "open", 2, at=BEGIN + timedelta(minutes=40))
    facts.store(job, page(event(1, "open", 1), late, event(3, "open", 3, machine=True, at=BEGIN)))
    points = Point.objects.filter(job=job, measure="opens").order_by("width", "start")
    assert [(point.width, point.start, point.count) for point in points] == [
        (60, datetime(2026, 11, 22, 10, 31, tzinfo=UTC), 1),
        (60, datetime(2026, 11, 22, 11, 11, tzinfo=UTC), 1),
        (3600, datetime(2026, 11, 22, 10, tzinfo=UTC), 1),
        (3600, datetime(2026, 11, 22, 11, tzinfo=UTC), 1),
    ]
    assert not Point.objects.filter(measure="machine_opens").exists()


def test_a_kind_that_nobody_knows_yet_is_kept_and_not_counted(job: Job) -> None:
    facts.store(job, page(event(1, "forwarded", 1), event(2, "open", 1)))
    assert StoredEvent.objects.filter(job=job, kind="forwarded").count() == 1
    assert tallies(job) == {("opens", ""): (1, 1)}
    assert job.events_cursor == 2


def test_jobs_are_counted_apart(job: Job, tmp_path: Path) -> None:
    other = another(tmp_path, "two")
    facts.store(job, page(event(1, "open", 1)))
    facts.store(other, page(event(1, "open", 1), event(2, "open", 2)))
    assert tallies(job) == {("opens", ""): (1, 1)}
    assert tallies(other) == {("opens", ""): (2, 2)}


@pytest.mark.django_db
@bounded(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 80))
def test_any_duplication_and_reordering_gives_the_numbers_of_the_log(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    job = another(tmp_path_factory.mktemp("warehouse"), str(next(NUMBERS)))
    order = random.Random(seed)  # noqa: S311
    log = world(seed, size)
    pages, rest = [], log
    while rest:
        cut = order.randrange(1, 12)
        pages.append(rest[:cut])
        rest = rest[cut:]
    pages = [piece for piece in pages for _ in range(order.randrange(1, 6))]
    order.shuffle(pages)
    for piece in pages:
        facts.store(job, page(*order.sample(piece, len(piece))))
    assert tallies(job) == ledger(log)
    before = numbers(job)
    # The cursor stays before what came too early, so it comes again, and is not counted again.
    facts.store(job, page(*log[job.events_cursor :]))
    assert job.events_cursor == size
    assert numbers(job) == before
    facts.recount(job, size=7)
    assert numbers(job) == before


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_count_each_fact_once(tmp_path: Path) -> None:
    job = another(tmp_path, "two-at-once")
    log = world(5, 400)

    def store() -> None:
        own = Job.objects.get(pk=job.pk)
        for begin in range(0, len(log), 50):
            facts.store(own, page(*log[begin : begin + 50]))
        connection.close()

    workers = [threading.Thread(target=store) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert tallies(job) == ledger(log)
    assert Job.objects.get(pk=job.pk).events_cursor == 400


def test_storing_takes_a_fixed_number_of_queries(job: Job) -> None:
    counted = []
    for log in (world(3, 20), world(4, 2_000)):
        Job.objects.filter(pk=job.pk).update(events_cursor=0)
        StoredEvent.objects.all().delete()
        with CaptureQueriesContext(connection) as captured:
            facts.store(job, page(*log))
        counted.append(len(captured))
    assert counted[0] == counted[1]
