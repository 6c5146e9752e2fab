"""Hits in the database before anybody is answered, many in one commit; and in a file, when it fails or says nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from accelerator import leases
from accelerator.cloud import hits, ledger
from accelerator.cloud.entries import Attempt, Outcome
from accelerator.cloud.hits import Visit, journal, keeping
from accelerator.cloud.models import Batch, Hit
from tests.accelerator.cloud.mailings import addresses, submit

pytestmark = pytest.mark.django_db(transaction=True)

Insert = Callable[[list[Visit]], None]


@pytest.fixture
def batch() -> Batch:
    return submit(addresses(3)).batches.get()


@pytest.fixture(autouse=True)
def _new(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever keeps hits looks often for what waits in files."""
    monkeypatch.setattr(keeping, "LOOK", 0.05)
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one


def visit(batch: Batch, position: int = 0) -> Visit:
    return Visit(batch.pk, position, "open", None, machine=False)


def until(fulfilled: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_committed_when_it_is_kept(batch: Batch) -> None:
    hits.keep(Visit(batch.pk, 2, "click", 5, machine=True))
    hit = Hit.objects.get()
    assert (hit.batch, hit.mailing_id, hit.position) == (batch, batch.mailing_id, 2)
    assert (hit.kind, hit.link, hit.machine, hit.told_at) == ("click", 5, True, None)


def test_many_at_once_are_few_commits(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    insert = keeping.insert
    held, go_on = threading.Event(), threading.Event()

    def counted(visits: list[Visit]) -> None:
        commits.append(len(visits))
        held.set()
        assert go_on.wait(20)
        insert(visits)

    monkeypatch.setattr(keeping, "insert", counted)
    monkeypatch.setattr(keeping, "PATIENCE", 20.0)
    with ThreadPoolExecutor(33) as threads:
        first = threads.submit(hits.keep, visit(batch))
        assert held.wait(20)
        others = [threads.submit(hits.keep, visit(batch)) for _ in range(32)]
        keeper = keeping._kept_by
        assert keeper is not None
        until(lambda: len(keeper._queue) == 32)
        assert not any(one.done() for one in (first, *others))
        go_on.set()
        for one in (first, *others):
            one.result(20)
    assert commits == [1, 32]
    assert Hit.objects.count() == 33


def test_a_database_that_fails_has_it_later(
    batch: Batch, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    insert = keeping.insert

    def away(_: list[Visit]) -> None:
        raise OperationalError("the connection is lost\nDETAIL: Bob@customers.example")

    monkeypatch.setattr(keeping, "insert", away)
    for number in range(3):
        hits.keep(visit(batch, number))
    assert not Hit.objects.exists()
    assert not journal.is_empty(settings.HITS)
    monkeypatch.setattr(keeping, "insert", insert)
    until(lambda: Hit.objects.count() == 3)
    until(lambda: journal.is_empty(settings.HITS))
    assert sorted(Hit.objects.values_list("position", flat=True)) == [0, 1, 2]
    assert "Bob@" not in caplog.text
    hits.keep(visit(batch))
    assert journal.is_empty(settings.HITS)


def test_a_database_that_says_nothing_keeps_nobody_waiting_and_what_both_have_is_one(
    batch: Batch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = keeping.insert
    asked, answers = threading.Event(), threading.Event()

    def silent(visits: list[Visit]) -> None:
        insert(visits)  # it has them, and nobody hears of it
        asked.set()
        assert answers.wait(20)

    monkeypatch.setattr(keeping, "insert", silent)
    monkeypatch.setattr(keeping, "PATIENCE", 0.2)
    hits.keep(first := visit(batch))
    assert asked.is_set()
    began = threading.Event()

    def queued() -> None:
        began.set()
        hits.keep(visit(batch, 1))

    later = threading.Thread(target=queued)
    later.start()
    later.join(20)
    assert not later.is_alive()
    assert Hit.objects.get().pk == first.id
    assert len(journal._files(settings.HITS, journal.WRITTEN)) == 1
    answers.set()
    until(lambda: journal.is_empty(settings.HITS))
    assert sorted(Hit.objects.values_list("position", flat=True)) == [0, 1]


def test_what_a_process_left_comes_to_the_database_without_anybody_asking(
    batch: Batch, settings: Settings
) -> None:
    journal.write(
        settings.HITS, old := Visit(batch.pk, 1, "open", None, machine=False, at=time.time() - 3_600)
    )
    hits.watch()
    until(Hit.objects.exists)
    hit = Hit.objects.get()
    assert (hit.pk, hit.position) == (old.id, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM now() - at)::float8 FROM cloud_hit")
        [age] = cursor.fetchone()
    assert 3_600 <= age < 3_660


def test_a_clock_that_was_set_back_makes_no_hit_of_the_future(batch: Batch) -> None:
    keeping.insert([Visit(batch.pk, 1, "open", None, machine=False, at=time.time() + 7_200)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT at <= clock_timestamp() FROM cloud_hit")
        assert cursor.fetchone() == (True,)


def test_the_same_hit_is_one_however_often_it_is_kept(batch: Batch) -> None:
    one = visit(batch)
    for _ in range(3):
        keeping.insert([one, visit(batch)])
    assert Hit.objects.count() == 4


def test_a_hit_of_a_batch_that_is_not_there_holds_up_no_other(batch: Batch) -> None:
    keeping.insert([Visit(2**62, 0, "open", None, machine=False), visit(batch)])
    assert Hit.objects.get().batch == batch


def test_where_nothing_keeps_it_it_is_not_kept(
    batch: Batch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: list[Visit]) -> None:
        raise OperationalError

    monkeypatch.setattr(keeping, "insert", away)
    settings.HITS = settings.HITS / "file" / "hits"
    settings.HITS.parent.parent.mkdir(parents=True)
    settings.HITS.parent.touch()
    with pytest.raises(hits.NotKept, match="keeps nothing"):
        hits.keep(visit(batch))


def test_hits_of_people_and_machines_at_once_wait_for_each_other_in_one_direction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of many batches whose recipients nobody knows of, by two processes, in two orders."""
    mailing = submit(addresses(12), per_batch=1)
    batches = list(mailing.batches.order_by("number"))
    for batch in batches:
        held = leases.claim(Batch.objects.all(), batch.pk, seconds=60)
        assert held is not None
        address = f"ok{batch.number}@customers.example"
        ledger.commit(held, [], [Attempt(0, str(batch.number), address, address)])
        ledger.settle(held, [Outcome(0, "unknown")], [])
    barrier = threading.Barrier(2)

    def insert(odd: int) -> None:
        visits = [Visit(one.pk, 0, "open", None, machine=one.number % 2 == odd) for one in batches]
        barrier.wait(20)
        try:
            keeping.insert(visits)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(insert, odd) for odd in (0, 1)]:
            done.result(30)
    assert mailing.batches.filter(delivered=1).count() == 12
