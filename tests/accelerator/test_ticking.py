"""Beat goes on when the clock is set back, and stops filling a queue that nobody empties."""

import datetime
import os
from collections.abc import Iterator

import pytest
import time_machine
from celery import Celery

from accelerator import ticking

QUEUE = "ticking-tests"


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("ticking-tests", set_as_current=False)
    app.conf.update(
        broker_url=os.environ["REDIS_URL"].replace("unix://", "redis+socket://", 1),
        task_default_queue=QUEUE,
        task_ignore_result=True,
        beat_schedule={"sweep": {"task": "sweep", "schedule": 2.0}},
        timezone="UTC",
    )
    app.control.purge()
    yield app
    app.control.purge()
    app.close()


def run_due(scheduler: ticking.Ticking) -> float:
    """Tick until nothing is due at this moment; the seconds until something is."""
    while not (seconds := scheduler.tick()):
        pass
    return seconds


def test_it_ticks_on_after_the_clock_was_set_back(app: Celery) -> None:
    noon = datetime.datetime(2030, 5, 1, 12, tzinfo=datetime.UTC)
    with time_machine.travel(noon, tick=False) as clock:
        scheduler = ticking.Ticking(app)
        run_due(scheduler)
        clock.shift(3)
        run_due(scheduler)
        assert ticking.queued(app) == 1
        clock.shift(-7200)
        assert run_due(scheduler) <= 2
        clock.shift(3)
        run_due(scheduler)
        assert ticking.queued(app) == 2


def test_it_adds_nothing_to_a_queue_that_is_long_enough(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "ENOUGH", 3)
    with time_machine.travel(datetime.datetime(2030, 5, 1, tzinfo=datetime.UTC), tick=False) as clock:
        scheduler = ticking.Ticking(app)
        for _ in range(6):
            clock.shift(3)
            run_due(scheduler)
    assert ticking.queued(app) == 3
