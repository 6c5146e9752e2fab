"""Heartbeats: they come, survive a database that goes away, end with their process, and age when nobody ends them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from accelerator import pulses
from accelerator.pulses import Heart
from jobs.models import Pulse
from tests.accelerator.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "worker tests@here"


@pytest.fixture
def heart() -> Iterator[Heart]:
    heart = Heart(Pulse, NAME, ["jobs", "control"], every=0.05)
    heart.start()
    until(Pulse.objects.filter(name=NAME).exists)
    yield heart
    heart.close()


def age(name: str, **ago: float) -> None:
    """As if it had been seen so long ago."""
    Pulse.objects.filter(name=name).update(at=F("at") - timedelta(**ago))


def test_a_heart_beats_until_it_is_closed_and_is_forgotten(heart: Heart) -> None:
    first = Pulse.objects.get(name=NAME)
    assert first.queues == "control jobs"
    until(lambda: Pulse.objects.filter(name=NAME, at__gt=first.at).exists())
    heart.close()
    assert not Pulse.objects.exists()


def test_a_heart_goes_on_when_the_database_is_back(heart: Heart, caplog: pytest.LogCaptureFixture) -> None:
    def said() -> int:
        return sum("the database is away" in record.getMessage() for record in caplog.records)

    with connection.cursor() as cursor:
        # Whatever the reason is: it can't be written.
        cursor.execute("ALTER TABLE jobs_pulse RENAME TO jobs_elsewhere")
        until(lambda: said() == 1)
        cursor.execute("ALTER TABLE jobs_elsewhere RENAME TO jobs_pulse")
        at = Pulse.objects.get(name=NAME).at
        until(lambda: Pulse.objects.filter(name=NAME, at__gt=at).exists())
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'heart' AND datname = current_database()"
        )
        assert cursor.fetchall() == [(True,)]
    at = Pulse.objects.get(name=NAME).at
    until(lambda: Pulse.objects.filter(name=NAME, at__gt=at + timedelta(seconds=0.1)).exists())
    assert said() <= 2


def test_a_heart_has_a_connection_of_its_own_and_leaves_none_behind(heart: Heart) -> None:
    with connection.cursor() as cursor:
        hearts = "FROM pg_stat_activity WHERE application_name = 'heart' AND datname = current_database()"
        cursor.execute(f"SELECT count(*) {hearts}")
        assert cursor.fetchone() == (1,)
        heart.close()

        def gone() -> bool:
            cursor.execute(f"SELECT count(*) {hearts}")
            return bool(cursor.fetchone() == (0,))

        until(gone)


def test_a_worker_that_is_not_seen_any_more_takes_no_queue() -> None:
    pulses.beat(Pulse, NAME, "control jobs")
    assert pulses.taken(pulses.seen(Pulse), "jobs")
    assert not pulses.taken(pulses.seen(Pulse), "job")
    age(NAME, seconds=pulses.LIVES - 5)
    assert pulses.taken(pulses.seen(Pulse), "jobs")
    age(NAME, seconds=6)
    assert not pulses.taken(pulses.seen(Pulse), "jobs")


def test_a_beat_makes_young_again_and_makes_no_second_row() -> None:
    for queues in ("jobs", "control"):
        pulses.beat(Pulse, NAME, queues)
        age(NAME, hours=1)
    pulses.beat(Pulse, NAME, "control")
    (seen,) = pulses.seen(Pulse)
    assert seen.queues == {"control"}
    assert seen.age < 5


def test_the_sweep_drops_who_died_more_than_a_day_ago() -> None:
    for name, hours in (("worker old@here", 25), ("worker young@here", 23)):
        pulses.beat(Pulse, name)
        age(name, hours=hours)
    pulses.swept(Pulse)
    assert [one.name for one in pulses.seen(Pulse)] == ["sweep", "worker young@here"]


def test_the_age_of_the_sweep_is_none_before_it_ever_was_here() -> None:
    assert pulses.age_of_sweep(pulses.seen(Pulse)) is None
    pulses.swept(Pulse)
    age("sweep", seconds=40)
    assert 40 <= (pulses.age_of_sweep(pulses.seen(Pulse)) or 0) < 60
