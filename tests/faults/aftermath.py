"""What comes after a fault that lasted: how long it takes a Job to go on, from the moment when it could."""

import time
import uuid

from tests.faults import resting
from tests.faults.cases import Outcome
from tests.faults.world import RECOVERY, REST_WITHIN, World

EVERY = 0.1


def aftermath(world: World, since: float, *jobs: uuid.UUID, limit: float | None = RECOVERY) -> Outcome:
    """Wait until the Jobs rest; the longest time in which one of them stood still since then (monotonic)."""
    longest = 0.0
    moving = list(jobs)
    while moving:
        now = time.monotonic()
        assert now < since + REST_WITHIN, f"job {moving[0]} does not rest within {REST_WITHIN:.0f} s"
        for job in list(moving):
            if resting.rests(world.stores, job):
                moving.remove(job)
                world.watch.stall(job)  # nobody need look at it any more
            else:
                longest = max(longest, now - max(since, world.watch.moved(job)))
        time.sleep(EVERY)
    return Outcome(jobs, longest, limit)


def unexplained(world: World, job: uuid.UUID) -> int:
    """Recipients who are Unknown, beside those after whose final dot the receiver cuts the line itself."""
    sql = (
        "SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND state = 'unknown'"
        " AND address_key NOT LIKE 'dropafterdot%%'"
    )
    return int(str(world.cloud(sql, job)[0][0]))
