"""The network between dashboard and Cloud, and between senders and mail server: cut in every way, and mended."""

import time
import uuid
from functools import partial

from tests.faults import cases
from tests.faults.aftermath import aftermath, unexplained
from tests.faults.cases import Case, NotReached, Outcome, case
from tests.faults.lined import AT_ONCE, Lined
from tests.faults.lines import Line, State, Trap
from tests.faults.people import PEOPLE, STEADY
from tests.faults.reaching import reached
from tests.faults.world import World

# Seconds that a line is cut: for short, and for longer than the dashboard waits for any answer.
SHORT, LONG = 8.0, 36.0
CUTS = (State.DOWN, State.HOLE, State.DEAF, State.MUTE)

# What the dashboard says to the Cloud, and a beginning of its body.
SUBMIT = rb"PUT /v1/mailings/[0-9a-f-]{36} HTTP"
BATCH = rb"PUT /v1/mailings/[0-9a-f-]{36}/batches/1 HTTP"
CONTROL = rb"PUT /v1/mailings/[0-9a-f-]{36}/control HTTP"
EVENTS = rb"GET /v1/mailings/[0-9a-f-]{36}/events\?after=0"
STATUS = rb"GET /v1/mailings/[0-9a-f-]{36} HTTP"
BODY = rb"(?:(?!\r\n\r\n).)*\r\n\r\n.{10}"
SAID = {"submission": SUBMIT, "batch": BATCH, "control": CONTROL, "events": EVENTS, "status": STATUS}

# What a sender says to the mail server: a message up to its final dot, for somebody whose line nobody else cuts.
MESSAGE = rb"RCPT TO:<ok[^>]*>\r\n(?:(?!RCPT TO).)*?\r\n\.\r\n"
HALF = rb"RCPT TO:<ok[^>]*>\r\nDATA\r\n.{700}"
ENVELOPE = rb"RCPT TO:<ok[^>]*>\r\nDATA\r\n"
# How often the line to the mail server is cut at the dot.
DOTS = 3
# How often, at most, it is cut in all four ways one after the other, until something was lost.
FLAPS = 6
FLAPPED = 4


def lined(world: World) -> Lined:
    assert isinstance(world, Lined)
    return world


def lines(world: World, name: str) -> Line:
    return {"Cloud": lined(world).to_cloud, "mail server": lined(world).to_mail}[name]


def allow(world: World, name: str) -> None:
    """A cut line to the mail server leaves Unknown what was on it at most; one to the Cloud leaves nothing."""
    world.fault(f"the line to the {name} was cut", messages=AT_ONCE if name == "mail server" else 0)


def nobody_unknown(world: World, job: uuid.UUID) -> None:
    unknown = unexplained(world, job)
    assert not unknown, f"a cut between dashboard and Cloud left {unknown} Unknown"


def await_sprung(trap: Trap) -> None:
    """Until the line was cut as often as it should be. Raises NotReached."""
    reached(lambda: trap.sprung == trap.times, f"the line was cut {trap.times} times")


# --- for a while --------------------------------------------------------------------------------------------


def while_sending(name: str, state: State, world: World) -> Outcome:
    """The line is cut while a Job is sent."""
    line, job = lines(world, name), world.launch(STEADY)
    world.wait_until_sent(job, 5)
    lost, refused = line.lost, line.refused
    allow(world, name)
    with line.cut(state):
        time.sleep(SHORT)
    mended = time.monotonic()
    if (line.lost, line.refused) == (lost, refused):
        raise NotReached("nothing went over the line while it was cut")
    outcome = aftermath(world, mended, job)
    if name == "Cloud":
        nobody_unknown(world, job)
    return outcome


def paused_meanwhile(name: str, state: State, world: World) -> Outcome:
    """The line is cut, and a person asks for a pause; then it is mended."""
    line, job = lines(world, name), world.launch(STEADY)
    world.wait_until_sent(job, 5)
    met = line.lost + line.refused
    allow(world, name)
    with line.cut(state):
        if name == "mail server":  # after the pause nobody speaks to it any more
            reached(lambda: line.lost + line.refused > met, "something met the line that was cut", SHORT)
        ask = world.ask(job, "pause")
        time.sleep(SHORT)
        told = world.dashboard("SELECT outcome FROM jobs_ask WHERE job_id = %s AND number = %s", job, ask)
        if name == "Cloud" and told != [("pending",)]:
            raise NotReached("the pause came through a line that was cut")
        if line.lost + line.refused == met:
            raise NotReached("nothing went over the line while it was cut")
    mended = time.monotonic()
    world.wait_for(job, "paused", within=30)
    took = time.monotonic() - mended
    world.ask(job, "resume")
    rest = aftermath(world, time.monotonic(), job)
    return Outcome(rest.jobs, max(took, rest.recovery or 0.0), rest.limit)


@case("line to the Cloud is a hole for longer than any timeout", house="lined")
def hole(world: World) -> Outcome:
    """A Job is launched, and its submission disappears for longer than the dashboard waits."""
    line = lined(world).to_cloud
    lost = line.lost
    allow(world, "Cloud")
    with line.cut(State.HOLE):
        job = world.launch(PEOPLE)
        world.wait_for(job, "processing")
        time.sleep(LONG)
        if line.lost == lost or world.accepted(job):
            raise NotReached("the submission did not disappear")
    return aftermath(world, time.monotonic(), job)


@case("line to the Cloud is cut in every way again and again", house="lined")
def flapping(world: World) -> Outcome:
    """Cut for two seconds in one of four ways, whole for one, over and over while three Jobs are sent."""
    line = lined(world).to_cloud
    lost, refused = line.lost, line.refused
    allow(world, "Cloud")
    jobs = [world.launch(STEADY), world.launch(PEOPLE), world.launch(STEADY)]
    for number, state in enumerate(CUTS * FLAPS):
        with line.cut(state):
            time.sleep(2)
        time.sleep(1)
        met = line.lost - lost + line.refused - refused
        if number + 1 >= len(CUTS) and line.lost > lost and met >= FLAPPED:
            break
    else:
        raise NotReached("hardly anything met a line that was cut")
    return aftermath(world, time.monotonic(), *jobs)


# --- at certain words ---------------------------------------------------------------------------------------


def at_words(name: str, part: str, world: World) -> Outcome:
    """The line is cut once at what the dashboard says: in the middle of the body, or only the reply is lost."""
    words, line = SAID[name], lined(world).to_cloud
    trap = line.trap(words + BODY, keep=0) if part == "body" else line.trap(words)
    allow(world, "Cloud")
    job = world.launch(STEADY if name == "control" else PEOPLE)
    if name == "control":
        world.wait_until_sent(job, 5)
        world.ask(job, "pause")
        await_sprung(trap)
        world.wait_for(job, "paused")
        world.ask(job, "resume")
    await_sprung(trap)
    outcome = aftermath(world, time.monotonic(), job)
    nobody_unknown(world, job)
    return outcome


def at_the_dot(words: bytes, keep: int | None, unknown: bool, world: World) -> Outcome:
    """The line is cut three times around the final dot."""
    trap = lined(world).to_mail.trap(words, keep=keep, times=DOTS)
    world.fault(f"the line to the mail server was cut {DOTS} times", messages=DOTS)
    job = world.launch(PEOPLE)
    await_sprung(trap)
    outcome = aftermath(world, time.monotonic(), job)
    seen = unexplained(world, job)
    if unknown and seen != DOTS:
        raise AssertionError(f"{DOTS} cuts after the final dot made {seen} Unknown")
    if not unknown and seen:
        raise AssertionError(f"cuts before the message made {seen} Unknown")
    return outcome


@case("line to the mail server is cut in the middle of a message", house="lined")
def halfway(world: World) -> Outcome:
    """Three messages arrive in half. (A sender that learns of it only after its dot cannot know that.)"""
    trap = lined(world).to_mail.trap(HALF, keep=0, times=DOTS)
    world.fault(f"the line to the mail server was cut {DOTS} times", messages=DOTS)
    job = world.launch(PEOPLE)
    await_sprung(trap)
    return aftermath(world, time.monotonic(), job)


def _states() -> None:
    for name in ("Cloud", "mail server"):
        for state in CUTS:
            how = state.name.lower()
            cases.add(
                Case(
                    name=f"line to the {name} {how}, while it is sent",
                    tells=f"{while_sending.__doc__} {state.value}",
                    run=partial(while_sending, name, state),
                    house="lined",
                )
            )
        for state in CUTS:
            how = state.name.lower()
            cases.add(
                Case(
                    name=f"line to the {name} {how}, and a pause is asked",
                    tells=f"{paused_meanwhile.__doc__} {state.value}",
                    run=partial(paused_meanwhile, name, state),
                    house="lined",
                )
            )


def _words() -> None:
    for name in SAID:
        for part in ("reply", "body") if name in ("submission", "batch", "control") else ("reply",):
            cases.add(
                Case(
                    name=f"line to the Cloud is cut once: the {part} of the {name}",
                    tells=at_words.__doc__ or "",
                    run=partial(at_words, name, part),
                    house="lined",
                )
            )
    ways: tuple[tuple[str, bytes, int | None, bool], ...] = (
        ("the reply to the dot is lost", MESSAGE, None, True),
        ("the dot is lost", MESSAGE, -3, True),
        ("the reply to the envelope is lost", ENVELOPE, None, False),
    )
    for what, words, keep, unknown in ways:
        cases.add(
            Case(
                name=f"line to the mail server is cut: {what}",
                tells=at_the_dot.__doc__ or "",
                run=partial(at_the_dot, words, keep, unknown),
                fast=words is MESSAGE and keep is None,
                house="lined",
            )
        )


_states()
_words()
