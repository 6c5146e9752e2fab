"""Databases restored from an older copy, in a whole house: nobody twice, everything held, nothing sent by itself."""

import contextlib
import shutil
import time
import uuid
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import partial

from tests.faults import acts, cases, older, restarting
from tests.faults.cases import Case, NotReached, Outcome
from tests.faults.people import PEOPLE
from tests.faults.reaching import held_at
from tests.faults.restorable import Restorable
from tests.faults.stages import HOLDING, STAGES, TRANSFERRING
from tests.faults.world import World
from tests.journeys.house import until

# Which of the two databases are older afterwards.
SIDES = {
    "both databases": ("dashboard", "cloud"),
    "the Cloud's database": ("cloud",),
    "the dashboard's database": ("dashboard",),
}
# While everything runs; with the house ended; and with its marks lost too, so that an admin must say so, of each
# database or of the whole house.
UNDERWAY, RESTARTED, DECLARED, TOLD = "underway", "between two starts", "without a mark", "and up told so"
# Seconds that messages are on their way whose intents were committed before.
FLIGHT = 2.0
# Seconds in which nothing may be sent by itself.
QUIET = 5.0

LEFT = """
SELECT count(*) FROM cloud_intent JOIN cloud_mailing ON key = mailing_id
WHERE key = %s AND state IN ('in_flight', 'deferred') AND desired <> 'cancel'
"""

# Who has no outcome, of the batches that the Cloud has; and what became of everybody.
WITHOUT = """
SELECT batch.number, n FROM cloud_batch batch, generate_series(0, batch.records - 1) AS n
WHERE batch.mailing_id = %s AND batch.received_at IS NOT NULL AND NOT EXISTS (SELECT FROM cloud_intent intent
    WHERE intent.batch_id = batch.id AND position = n AND state NOT IN ('in_flight', 'deferred'))
"""
OUTCOMES = """
SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND state NOT IN ('in_flight', 'deferred')
"""
STATES = """
SELECT batch.number, position, state FROM cloud_intent intent JOIN cloud_batch batch ON batch.id = intent.batch_id
WHERE batch.mailing_id = %s
"""

# What the checker says when a copy knows less than there was.
NEVER_EXTRACTED, NOT_IN_LEDGER = "were never extracted", "in the ledger something else"
CUTS_FORGOTTEN = "lines were cut after the dot"

COUNTED = "SELECT state, (counts_document->>'delivered')::int FROM jobs_job WHERE id = %s"
DELIVERED = "SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND state = 'delivered'"

# What a person decides after her review. Of a Job that was still extracting nobody knows whether it was sent.
BOTH = SIDES["both databases"]
WISHES = defaultdict(lambda: "resume", {(BOTH, "Initializing"): "cancel"}) | {
    (sides, "Paused"): "cancel" for sides in SIDES.values()
}


def restored(sides: tuple[str, ...], stage: str, how: str, world: World, dying_at: str = "") -> Outcome:
    """A copy is made, the Job goes on, and then the copy takes the place of what was done since.

    `dying_at`: a failpoint at which somebody is killed who handles that.
    """
    assert isinstance(world, Restorable)
    bring, go_on = STAGES[stage]
    state = "Processing" if stage == TRANSFERRING else stage
    job = bring(world)
    known = {side: latest(world, side)[0] for side in sides}
    with held_at(world, job, HOLDING[stage]) if stage in HOLDING else contextlib.nullcontext():
        copied = datetime.now(UTC)
        older.take(world)
    excuse(world, job, sides, state)
    in_copy = older.state(world, job)
    if in_copy != state.lower():
        raise NotReached(f"the job was {in_copy} when the copy was made")
    go_on(world, job)
    if dying_at:
        world.arm(dying_at, "kill")
    without = without_outcome(world, job) if "cloud" in sides else set()
    with world.watch.no_numbers():
        before = put_back(world, job, sides, how)
    if "cloud" in sides:
        acts.forget(world.house.folder, copied)
    try:
        for side, generation in known.items():
            noticed(world, side, generation, "declared" if how in (DECLARED, TOLD) else "noticed")
        held(world, job, sides)
        if "cloud" in sides:
            quiet(world, job, before)
    finally:
        review(world)
    if world.state(job) == "paused":
        world.ask(job, WISHES[sides, state])
    new = world.launch(PEOPLE)
    world.wait_until_rest(job, new)
    if dying_at:
        world.await_done(dying_at, within=1)
    if (sides, stage) == (SIDES["the dashboard's database"], "Initializing"):
        (delivered,) = world.cloud(DELIVERED, job)[0]
        told = world.dashboard(COUNTED, job)
        assert told == [("failed", delivered)], f"of {delivered} who had the message the job says {told}"
    assert world.cloud(LEFT, job) == [(0,)], f"of job {job}, which rests, somebody is still to be contacted"
    twice = [count for count in Counter(world.accepted(job)).values() if count > 1]
    assert not twice, f"{len(twice)} recipients got the message more than once"
    if "cloud" in sides:
        assert Counter(world.accepted(job)) == before, "somebody was sent to after the restoration"
        became = {row[:2]: str(row[2]) for row in world.cloud(STATES, job)}
        wrong = Counter(became.get(place, "not there") for place in without)
        assert set(wrong) <= {"unknown"}, f"of those without an outcome in the copy some are {wrong}"
    return Outcome((job, new))


def excuse(world: Restorable, job: uuid.UUID, sides: tuple[str, ...], state: str) -> None:
    """What can't be promised of a Job that the copy is older than."""
    if (sides, state) == (BOTH, "Initializing"):
        # No database knows that anything of it was ever sent.
        world.excuse(job, 2, NEVER_EXTRACTED)
        world.excuse(job, 3, NOT_IN_LEDGER)
        world.excuse(job, 4, "not frozen, and the Cloud has nothing", "an Extraction Cancel, and")
        # What is cancelled in a review is no Extraction Cancel, which would be a promise: no mail says that.
        world.excuse(job, 4, "0 notification mails were written")
        world.excuse(job, 7, CUTS_FORGOTTEN)
    if (sides, state) == (SIDES["the dashboard's database"], "Initializing"):
        # What was extracted is forgotten, with the spool's list of it.
        world.excuse(
            job, 2, NEVER_EXTRACTED, "were extracted, the spool holds", "is not the one that was frozen"
        )
        world.excuse(job, 3, "the ledger has another recipient")
    if (sides, state) == (SIDES["the Cloud's database"], "Initializing"):
        # The Cloud has no row of it; what the dashboard had heard is shown, and the rest as Unknown.
        world.excuse(job, 3, "the page shows", NOT_IN_LEDGER)
        world.excuse(job, 7, CUTS_FORGOTTEN)
        world.excuse(job, 9, "its Request ID is")
    if "cloud" in sides:
        # Whoever may have been sent to is written down during a pause.
        world.excuse(job, 5, "were committed while it was paused", "intents after the first")
    if state == "Paused":
        # That the pause was over is forgotten.
        world.excuse(job, 5, "were committed while", "were contacted after", "intents after the first")
    if sides == SIDES["the Cloud's database"]:
        # The dashboard was told outcomes that the Cloud has forgotten, and tells of once more, as Unknown, under
        # numbers above the one piece that it has lost.
        world.excuse(job, 8, "were told wrongly", "events, in pieces: 1, are not in the Cloud's log")


def without_outcome(world: World, job: uuid.UUID) -> set[tuple[object, ...]]:
    """Places (batch, position) of whoever has no outcome in the copy of the Cloud's database."""
    return set(older.rows(world, "cloud", WITHOUT, job))


def without_any_outcome(world: World, job: uuid.UUID) -> int:
    """How many have none in the copy, also of batches that are not there yet: so many may be Unknown."""
    known = older.rows(world, "cloud", OUTCOMES, job)[0][0]
    extracted = world.dashboard("SELECT coalesce(extracted, 0) FROM jobs_job WHERE id = %s", job)[0][0]
    return int(str(extracted)) - int(str(known))


def put_back(world: World, job: uuid.UUID, sides: tuple[str, ...], how: str) -> Counter[str]:
    """The copies take their place; who had been sent to when nothing of the house ran, or was on its way."""
    world.fault("an older copy was restored")
    if "cloud" in sides:
        world.fault("outcomes were forgotten", messages=without_any_outcome(world, job), job=job)
    if how == UNDERWAY:
        older.put_back(world, *sides)
        time.sleep(FLIGHT)
        return Counter(world.accepted(job))
    restarting.end(world)
    with older.awake(world):
        older.put_back(world, *sides)
        if how in (DECLARED, TOLD):
            shutil.rmtree(world.house.folder / "marks")
        if how == DECLARED:
            for side in sides:
                older.declare(world, side)
    before = Counter(world.accepted(job))
    restarting.start(world, *(["--restored"] if how == TOLD else []))
    return before


def latest(world: World, side: str) -> tuple[int, str]:
    """The generation of the database: its number, and how it became known that it was restored."""
    rows = world.dashboard if side == "dashboard" else world.cloud
    table = "jobs_generation" if side == "dashboard" else "cloud_generation"
    found = rows(f"SELECT id, cause FROM {table} ORDER BY id DESC LIMIT 1")
    return (int(str(found[0][0])), str(found[0][1])) if found else (0, "")


def noticed(world: World, side: str, known: int, cause: str) -> None:
    """A generation began that the copy does not have."""
    until(lambda: latest(world, side)[0] > known, f"it is noticed that the {side}'s database is older", 30)
    assert latest(world, side)[1] == cause


def held(world: World, job: uuid.UUID, sides: tuple[str, ...]) -> None:
    """The Job stands still with the reason, and no campaign is launched."""
    unsure = world.cloud("SELECT count(*) FROM cloud_mailing WHERE key = %s AND restored_at IS NOT NULL", job)
    if "dashboard" not in sides and unsure == [(0,)]:  # the Cloud's copy knew what became of everybody
        return
    world.wait_for(job, "paused", "completed", "failed")
    said = [
        world.dashboard(
            "SELECT why FROM jobs_transition WHERE job_id = %s ORDER BY number DESC LIMIT 1", job
        ),
        world.dashboard("SELECT why FROM jobs_ask WHERE job_id = %s AND by_id IS NULL", job),
    ]
    assert "restored" in str(said), f"nobody says why job {job} stands still: {said}"
    if "dashboard" in sides:
        try:
            world.launch(PEOPLE)
        except AssertionError as error:
            assert "409" in str(error), str(error)  # noqa: PT017  another refusal would prove nothing
            return
        raise AssertionError("a campaign was launched before anybody had reviewed")


def quiet(world: World, job: uuid.UUID, before: Counter[str]) -> None:
    """Nothing is sent by itself."""
    time.sleep(QUIET)
    assert Counter(world.accepted(job)) == before, "somebody was sent to by itself after the restoration"


def review(world: World) -> None:
    done = world.house.manage("restored", "--reviewed")
    assert done.returncode == 0, done.stderr[-2000:]


def _add(what: str, state: str, how: str, dying_at: str = "") -> None:
    name = f"{what} restored {how}, from when the Job was {state}"
    cases.add(
        Case(
            name=f"kill at {dying_at}, {name}" if dying_at else name,
            tells=restored.__doc__ or "",
            run=partial(restored, SIDES[what], state, how, dying_at=dying_at),
            house="restorable",
        )
    )


for _what in SIDES:
    for _state in ("Initializing", "Processing", "Paused", "Collecting"):
        _add(_what, _state, RESTARTED if _state == "Processing" else UNDERWAY)
_add("both databases", "Processing", DECLARED)
_add("both databases", "Collecting", TOLD)

# Who handles a restoration, killed at each of his commits.
DYING = {
    "the dashboard's database": ("Processing", ("review", "renumber")),
    "the Cloud's database": ("Processing", ("hold", "lose")),
}
for _what, (_state, _places) in DYING.items():
    for _place in _places:
        for _when in ("before", "after"):
            _add(_what, _state, UNDERWAY, f"{_place}.{_when}")
for _when in ("before", "after"):
    _add("the Cloud's database", TRANSFERRING, UNDERWAY, f"retransfer.{_when}")
