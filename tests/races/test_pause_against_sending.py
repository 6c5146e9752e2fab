"""A Pause at every place of a sender: from the acknowledgement on nobody new is contacted, and nobody is lost by it."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from jobs import control, steps
from jobs.states import State, Wish
from tests.jobs import cast
from tests.races import alarms
from tests.races.cloud_hand import PLACES
from tests.races.hands import Hand
from tests.races.length import LONG
from tests.races.watching import Watch
from tests.races.world import Launched, World

# More than one window of intents, in one batch; and somebody.
PEOPLE = tuple(f"ok{number}" for number in range(12))


@pytest.fixture
def hand(world: World, settings: Settings) -> Iterator[Hand]:
    """A sender of batches that are large enough."""
    settings.BATCH_RECORDS = 50
    hand = Hand(world.hand)
    yield hand
    hand.close()


def test_a_pause_at_every_place_of_a_sender_holds_and_loses_nobody(world: World, hand: Hand) -> None:
    submitted(world)
    places = list(walk(hand))
    assert places.count("composed") > 1
    with alarms.listening() as alarm:
        for number in range(len(places)) if LONG else ends(places):
            launched = submitted(world)
            watch = Watch(world, alarm)
            try:
                hand.step(number)
                assert hand.at == places[number]
                watch.look([launched])
                told(launched, Wish.PAUSE, world)
                assert launched.job.state == State.PAUSED
                watch.look([launched])
                hand.go()
                watch.look([launched])
                told(launched, Wish.RESUME, world)
                hand.send_all()
                watch.look([launched])
                assert len(world.received(launched.domain)) == len(PEOPLE) + 1
            except BaseException as error:
                error.add_note(f"place {number}, {places[number]}")
                raise


def walk(hand: Hand) -> Iterator[str]:
    """Every place that a sender comes to, if nobody interferes."""
    hand.step(0)
    while hand.at is not None:
        yield hand.at
        hand.go(0)


def ends(places: list[str]) -> list[int]:
    """Where a sender comes to each place for the first and for the last time."""
    last = len(places) - 1
    return sorted({n for place in PLACES for n in (places.index(place), last - places[::-1].index(place))})


def submitted(world: World) -> Launched:
    """A Job whose records are at the Cloud."""
    world.empty()
    launched = world.plan(PEOPLE)
    launched.launch(world.people[0])
    for kind in ("initializing", "processing"):
        steps.run(cast.step(launched.job, kind).pk)
    return launched


def told(launched: Launched, wish: Wish, world: World) -> None:
    """Asked, and acknowledged by the Cloud."""
    job = launched.job
    control.ask(job, wish, by=world.people[1], seen=job.version)
    steps.run(cast.step(job, "controlling").pk)
