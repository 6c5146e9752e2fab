"""A Job's life under everything that may happen, in any order: see `machine`."""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from accelerator import failpoints
from tests.races import alarms, cloud_hand, workers
from tests.races.length import LONG, SHRINK, so_many
from tests.races.machine import Machine
from tests.races.world import World

# In the gate always the same schedules; in the long run others every time, and the blob of one that fails.
SETTINGS = settings(
    max_examples=so_many(5, long=100),
    stateful_step_count=so_many(25, long=50),
    derandomize=not LONG,
    database=None,
    deadline=None,
    print_blob=True,
    phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("part", range(3))
def test_every_promise_holds_after_every_step(world: World, part: int) -> None:
    with alarms.listening() as alarm:

        def machine() -> Machine:
            return Machine(world, alarm)

        factory = machine if LONG else seed(part)(machine)
        run_state_machine_as_test(factory, settings=SETTINGS)  # type: ignore[arg-type]


def test_the_places_where_somebody_stops_are_places_of_the_product() -> None:
    """Whoever is to stop at a place that is none would never stop."""
    assert failpoints.PLACES.keys() >= workers.PLACES
    assert failpoints.PLACES.keys() | {cloud_hand.COMPOSED} >= set(cloud_hand.PLACES)
