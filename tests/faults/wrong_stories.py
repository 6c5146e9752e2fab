"""Evidence of a good run, with each promise broken once about what was told, said and kept (8 to 14)."""

import base64
import uuid
from dataclasses import replace

from tests.faults.evidence import Barred, Move
from tests.faults.scenes import Scene, at
from tests.faults.wrong_contacts import Doctor


def missing_outcome(it: Scene) -> None:
    del it.cloud.log[8:], it.sent.events[8:]
    it.sent.cursor = 8


def resumed_elsewhere(it: Scene) -> None:
    it.move(3, target="collecting")
    it.move(4, origin="collecting", target="paused", cause="pause")
    it.move(5, origin="paused")


def moved_after_the_end(it: Scene) -> None:
    it.cancelled.moves.append(Move(2, at(9), "failed", "processing", "resume"))
    it.cancelled.version, it.cancelled.state = 2, "processing"


def retried_late(it: Scene) -> None:
    it.contact(0, attempts=2)
    it.barred(1, at=at(11.5))
    it.line(0, 45)


def retried_after_a_pause(it: Scene) -> None:
    it.contact(0, attempts=2)
    it.barred(1, at=at(25))
    it.line(0, 30)


def untold(it: Scene, kind: str) -> None:
    """Neither side has an event of this kind, and nobody counts one."""
    for told in (it.cloud.log, it.sent.events):
        told[:] = [replace(event, kind="click") if event.kind == kind else event for event in told]


def only_listed(it: Scene) -> None:
    it.evidence.acts[2:3] = []


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def gone(it: Scene, *places: int) -> None:
    """The Cloud's log lacks the events at these places."""
    lost = [it.cloud.log[place] for place in places]
    it.cloud.log[:] = [told for told in it.cloud.log if told not in lost]


def begins_at_zero(it: Scene) -> None:
    """As many positions as the last one says, and not those."""
    for told in (it.cloud.log, it.sent.events):
        told[0] = replace(told[0], position=0)


def hole(it: Scene) -> None:
    """Nobody has the third event."""
    gone(it, 2)
    del it.sent.events[2]


# As `CONTACTS`.
STORIES: tuple[tuple[int, str, str, Doctor], ...] = (
    (8, "an event is missing", "the dashboard's events lack 1 of the", lambda it: it.sent.events.pop(2)),
    (
        8,
        "an event is there twice",
        "the dashboard has 1 events at or below",
        lambda it: it.sent.events.insert(2, it.sent.events[2]),
    ),
    (8, "the log has a gap", "1 events, in pieces: 1, are not in", lambda it: it.cloud.log.pop(2)),
    (8, "the log has two gaps", "3 events, in pieces: 2, are not in", lambda it: gone(it, 2, 5, 6)),
    (8, "both have a gap", "both sides together lack 1 of the", hole),
    (8, "positions begin below 1", "events lack 2 of the", begins_at_zero),
    (
        8,
        "the log tells one twice",
        "the Cloud's log has 1 events at or below",
        lambda it: it.cloud.log.insert(2, it.cloud.log[2]),
    ),
    (
        8,
        "the cursor ran ahead",
        "the cursor is at 14, and 13",
        lambda it: setattr(it.sent, "cursor", it.sent.cursor + 1),
    ),
    (8, "an event is another one", "1 events differ", lambda it: it.event(0, recipient_id="R7")),
    (8, "an event the Cloud never told", "1 events, in pieces: 1, are not in", lambda it: gone(it, -2, -1)),
    (8, "an outcome was told wrongly", "1 of 9 outcomes", lambda it: it.contact(0, state="bounced")),
    (8, "an outcome was never told", "1 of 9 outcomes", missing_outcome),
    (
        8,
        "a tally counts one twice",
        "opens 3 (1) for 2 (1)",
        lambda it: it.sent.tallies.update({("opens", ""): (3, 1)}),
    ),
    (
        8,
        "a tally counts a person twice",
        "opens 2 (2) for 2 (1)",
        lambda it: it.sent.tallies.update({("opens", ""): (2, 2)}),
    ),
    (
        8,
        "a tally of nothing",
        "complaints 1 (1) for 0 (0)",
        lambda it: it.sent.tallies.update({("complaints", ""): (1, 1)}),
    ),
    (8, "a tally is missing", "attrition 0 (0) for 1 (1)", lambda it: it.sent.tallies.pop(("attrition", ""))),
    (
        9,
        "an edge that is not drawn",
        "collecting -> failed by cancel, which is not drawn",
        lambda it: it.move(5, target="failed", cause="cancel"),
    ),
    (9, "a move after the end", "failed -> processing by resume, which is not drawn", moved_after_the_end),
    (9, "a number is missing", "version 5, and its ledger", lambda it: it.sent.moves.pop(3)),
    (9, "the version ran ahead", "version 6, and its ledger", lambda it: setattr(it.sent, "version", 6)),
    (
        9,
        "a move from where it was not",
        "from processing along initializing",
        lambda it: it.move(4, origin="initializing", cause="freeze"),
    ),
    (
        9,
        "resumed to where it was not paused",
        "resumed to collecting, where it was not paused",
        resumed_elsewhere,
    ),
    (
        9,
        "the state is not what the ledger says",
        "it is failed, and its ledger ends with completed",
        lambda it: setattr(it.sent, "state", "failed"),
    ),
    (9, "the ledger goes back in time", "move 4 is older", lambda it: it.move(4, at=at(5))),
    (
        9,
        "two Asks of one number",
        "1, 2, 2, do not rise to 2",
        lambda it: it.sent.wishes.append(it.sent.wishes[-1]),
    ),
    (9, "an Ask above the last", "1, 2, do not rise to 1", lambda it: setattr(it.sent, "last_ask", 1)),
    (
        9,
        "the Request ID is another one",
        "its Request ID is 02-b, the Cloud's 02-a",
        lambda it: setattr(it.sent, "request_id", "02-b"),
    ),
    (
        9,
        "the Request ID is lost",
        "its Request ID is none, the Cloud's 02-a",
        lambda it: setattr(it.sent, "request_id", None),
    ),
    (11, "a Job stays Paused", "it is paused, which is no end", lambda it: it.end_after(3)),
    (11, "an Ask stays pending", "with 1 Asks pending", lambda it: it.wish(1, outcome="pending")),
    (11, "a step stays due", "collecting due", lambda it: it.sent.busy_steps.append("collecting")),
    (
        12,
        "somebody who had left was contacted",
        "1 were contacted who stood",
        lambda it: it.barred(1, at=at(5)),
    ),
    (
        12,
        "an unsubscribe that was answered is lost",
        "answered for unsubscribe, and is not on",
        lambda it: it.evidence.barred.pop(),
    ),
    (12, "an entry that was answered is lost", "answered for listed, and is not on", only_listed),
    (
        12,
        "a removal that was answered is lost",
        "answered for unlisted, and is still on",
        lambda it: it.evidence.barred.append(Barred("ok7@people1.example", "", at(46))),
    ),
    (8, "an unsubscribe is told of nowhere", "no event: unsubscribe", lambda it: untold(it, "unsubscribe")),
    (8, "an open is told of nowhere", "no event: open", lambda it: untold(it, "open")),
    (8, "a message that came back is told of nowhere", "no event: returned", lambda it: it.returned()),
    (12, "somebody who had left got a retry", "1 were contacted who stood", retried_late),
    (12, "somebody who left during a pause got a retry", "1 were contacted who stood", retried_after_a_pause),
    (
        13,
        "one form, two Jobs",
        "campaign 1 was launched 2 times for 1 forms",
        lambda it: it.evidence.campaigns.update({uuid.UUID(int=13): 1}),
    ),
    (13, "a Job without a launch", "0 launches lead to it", lambda it: it.sent.tokens.clear()),
    (
        13,
        "a launch nobody asked for",
        "2 launches that nobody asked for",
        lambda it: setattr(it.evidence, "clicks", {}),
    ),
    (
        14,
        "an address in the broker",
        "x holds addresses, of people1.example",
        lambda it: it.evidence.texts.update({"x": "[17, 'ok1@people1.example']"}),
    ),
    (
        14,
        "an address in a path",
        "x holds addresses, of people1.example",
        lambda it: it.evidence.texts.update({"x": "GET /?q=ok1%40people1.example"}),
    ),
    (
        14,
        "an address in a path, encoded twice",
        "x holds addresses, of people1.example",
        lambda it: it.evidence.texts.update({"x": "GET /?q=ok1%2540people1.example"}),
    ),
    (
        14,
        "an address in base64",
        "x holds addresses, of people1.example",
        lambda it: it.evidence.texts.update({"x": f'{{"note": "{in_base64("[ok1@people1.example]")}"}}'}),
    ),
    (
        14,
        "a secret in the log",
        "holds the secret SECRET_KEY",
        lambda it: it.evidence.texts.update({"up.log": "key s3cret"}),
    ),
)
