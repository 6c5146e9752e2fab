"""The checker catches what it is there for: evidence of a good run, and each promise broken in it once."""

import base64
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults import checker
from tests.faults.evidence import Barred, Mail, Mailing, Move
from tests.faults.scenes import Scene, at, scene

Doctor = Callable[[Scene], object]


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


def gone_from_the_log(it: Scene) -> None:
    del it.cloud.log[-2:]


def twice_extracted(it: Scene) -> None:
    it.sent.extraction.append(replace(it.sent.extraction[0], position=9))


def resume_withdrawn(it: Scene) -> None:
    it.wish(1, outcome="withdrawn")
    del it.sent.words[1]
    it.contact(0, committed_at=at(35))


def refused_during_a_pause(it: Scene) -> None:
    it.refusal(0, 25)
    it.refusal(1, 25)


def another_in_flight(it: Scene) -> None:
    it.late(0)
    it.contact(0, settled_at=at(15))


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


# The invariant, what is wrong, what the checker says of it, and how it is made wrong.
WRONGS: tuple[tuple[int, str, str, Doctor], ...] = (
    (
        1,
        "somebody got it twice, spelled differently",
        "more than once, up to 2 times",
        lambda it: it.accept("OK1@People1.example"),
    ),
    (
        1,
        "somebody got it before his intent was committed",
        "1 were accepted before their intents",
        lambda it: it.line(0, 10.9),
    ),
    (
        2,
        "a stranger got it",
        "1 recipients were never extracted",
        lambda it: it.accept("nobody@people1.example"),
    ),
    (
        2,
        "a message of nobody's",
        "1 messages that belong to no Job",
        lambda it: it.accept("a@b.example", sender="who@x.example"),
    ),
    (2, "an address was extracted twice", "1 addresses were extracted twice", twice_extracted),
    (
        2,
        "the spool lost a record",
        "10 were extracted, the spool holds 9",
        lambda it: it.sent.extraction.pop(),
    ),
    (
        2,
        "the spool changed",
        "batches 0 of the spool changed",
        lambda it: setattr(it.sent.pieces[0], "found", "other"),
    ),
    (
        2,
        "the spool is gone",
        "batches 1 of the spool changed",
        lambda it: setattr(it.sent.pieces[1], "found", None),
    ),
    (
        2,
        "the Cloud stored other bytes",
        "batch 1 at the Cloud is not",
        lambda it: setattr(it.cloud.pieces[1], "found", "other"),
    ),
    (
        2,
        "the Cloud has another manifest",
        "batch 1 at the Cloud is not",
        lambda it: setattr(it.cloud.pieces[1], "sha256", "other"),
    ),
    (3, "a recipient is in no class", "not_sent 1 where the rows say 2", lambda it: it.cloud.contacts.pop(3)),
    (
        3,
        "a recipient is in two classes",
        "11 rows of the ledger name only 10",
        lambda it: it.cloud.contacts.append(it.cloud.contacts[3]),
    ),
    (
        3,
        "the ledger names another recipient",
        "another recipient at 0/3",
        lambda it: it.contact(3, recipient_id="R99"),
    ),
    (
        3,
        "somebody is still in flight",
        "at rest 1 are in flight",
        lambda it: it.contact(9, state="in_flight"),
    ),
    (
        3,
        "somebody is still deferred",
        "in flight and 1 deferred",
        lambda it: setattr(it.cloud, "desired", "run"),
    ),
    (
        3,
        "a batch's tally is off",
        "batch 0 says {'bounced': 2}",
        lambda it: it.cloud.pieces[0].tallies.update(bounced=2),
    ),
    (
        3,
        "the page shows one more",
        "delivered 4 where the rows say 3",
        lambda it: it.sent.counts.update(delivered=4),
    ),
    (
        3,
        "the page shows one less not sent",
        "not_sent 0 where the rows say 1",
        lambda it: it.sent.counts.update(not_sent=0),
    ),
    (3, "delivered and never accepted", "1 count as delivered", lambda it: it.evidence.received.pop(0)),
    (
        3,
        "accepted and called bounced",
        "something else: {'bounced': 1}",
        lambda it: it.accept("reject4@people1.example"),
    ),
    (
        3,
        "accepted and called not sent",
        "something else: {'deferred': 1}",
        lambda it: it.accept("defer10@people1.example"),
    ),
    (
        4,
        "at the Cloud and not frozen",
        "the Cloud has something of it",
        lambda it: setattr(it.cancelled, "mailing", Mailing(None, "run")),
    ),
    (
        4,
        "contacted and not frozen",
        "the receiver 1",
        lambda it: it.accept("x@slow2.example", sender=it.cancelled.sender),
    ),
    (
        4,
        "an Extraction Cancel with a Request ID",
        "an Extraction Cancel, and 0",
        lambda it: setattr(it.cancelled, "request_id", "02-b"),
    ),
    (
        4,
        "the spool of an Extraction Cancel is kept",
        "2 files of it are kept",
        lambda it: setattr(it.cancelled, "leftovers", 2),
    ),
    (
        4,
        "two mails came",
        "got 2 mails where 1",
        lambda it: it.evidence.received.append(it.evidence.received[-1]),
    ),
    (
        4,
        "two mails were written",
        "2 notification mails were written where 1",
        lambda it: it.cancelled.mails.append(it.cancelled.mails[0]),
    ),
    (
        4,
        "no mail was written",
        "0 notification mails were written where 1",
        lambda it: it.cancelled.mails.clear(),
    ),
    (
        4,
        "a completed Job wrote a mail",
        "1 notification mails were written where 0",
        lambda it: it.sent.mails.append(Mail(it.sent.notify, "unknown", "x")),
    ),
    (4, "a mail is sent and did not come", "counts as sent", lambda it: it.evidence.received.pop()),
    (
        4,
        "a mail is still being handed over",
        "handing_over at rest",
        lambda it: it.mail(outcome="handing_over"),
    ),
    (
        4,
        "nobody knows why a mail is unknown",
        "unknown at rest, with no word why",
        lambda it: it.mail(outcome="unknown"),
    ),
    (
        4,
        "the Cloud has a mailing of nobody's",
        "that no Job of the dashboard is",
        lambda it: it.evidence.strangers.append(uuid.UUID(int=9)),
    ),
    (
        5,
        "an intent was committed during a pause",
        "1 intents were committed",
        lambda it: it.contact(0, committed_at=at(25)),
    ),
    (
        5,
        "more came after a pause than were in flight",
        "1 in flight, 2 were contacted",
        lambda it: it.late(0, 1),
    ),
    (
        5,
        "an intent was committed before the dashboard knew of the pause",
        "1 intents were committed",
        lambda it: it.contact(0, committed_at=at(19.7)),
    ),
    (5, "a resume that was withdrawn ended no pause", "1 intents were committed", resume_withdrawn),
    (
        5,
        "nobody counted at a pause",
        "without the Cloud's counts, 10 intents",
        lambda it: it.move(2, counts=None),
    ),
    (5, "retries went on during a pause", "1 in flight, 2 were contacted", refused_during_a_pause),
    (5, "somebody else came after a pause", "1 were contacted after a pause who", another_in_flight),
    (6, "somebody was missed", "1 who never were refused", lambda it: it.evidence.refused.pop()),
    (7, "nobody died", "in windows of [2], beside 1 cuts; 0 deaths", lambda it: it.evidence.deaths.clear()),
    (
        7,
        "the death was long after",
        "in windows of [2], beside 1 cuts; 0 deaths",
        lambda it: it.death(at=at(4000)),
    ),
    (
        7,
        "a death left two windows",
        "in windows of [1, 1], beside 1 cuts; 1 deaths",
        lambda it: it.contact(8, committed_at=at(12.5)),
    ),
    (
        7,
        "a cut message, and two are unknown",
        "0 windows and 1 messages",
        lambda it: it.death(windows=0, messages=1),
    ),
    (7, "a cut is called delivered", "1 lines were cut", lambda it: it.contact(2, state="delivered")),
    (8, "an event is missing", "the dashboard has 12 events with gaps", lambda it: it.sent.events.pop(2)),
    (
        8,
        "an event is there twice",
        "the dashboard has 14 events with gaps",
        lambda it: it.sent.events.insert(2, it.sent.events[2]),
    ),
    (8, "the log has a gap", "the Cloud's log has 13 events with gaps", lambda it: it.cloud.log.pop(2)),
    (
        8,
        "the cursor ran ahead",
        "the cursor is at 14, and 13",
        lambda it: setattr(it.sent, "cursor", it.sent.cursor + 1),
    ),
    (8, "an event is another one", "1 events differ", lambda it: it.event(0, recipient_id="R7")),
    (8, "an event the Cloud never told", "1 are not in its log", gone_from_the_log),
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


def test_a_good_run_has_no_violation() -> None:
    assert checker.violations(scene().evidence) == []


@pytest.mark.parametrize(
    ("invariant", "said", "doctor"), [pytest.param(n, said, how, id=what) for n, what, said, how in WRONGS]
)
def test_it_says_what_is_wrong(invariant: int, said: str, doctor: Doctor) -> None:
    it = scene()
    doctor(it)
    found = [str(violation) for violation in checker.violations(it.evidence)]
    assert [one for one in found if one.startswith(f"invariant {invariant}, ") and said in one], found


def test_one_death_does_not_explain_what_two_jobs_lost() -> None:
    it = scene()
    it.evidence.jobs.append(it.another())
    found = [violation for violation in checker.violations(it.evidence) if violation.invariant == 7]
    assert [violation.job for violation in found] == [None]
    assert "4 are unknown beside the cuts, in 2 windows" in found[0].seen


def test_every_invariant_it_stands_for_is_broken_here() -> None:
    assert {invariant for invariant, *_ in WRONGS} == {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14}


def test_a_violation_shows_no_address() -> None:
    for *_, doctor in WRONGS:
        it = scene()
        doctor(it)
        for violation in checker.violations(it.evidence):
            assert "@" not in str(violation)
            assert "%40" not in str(violation)


def test_messages_of_two_jobs_with_one_sender_are_told_apart_by_their_ids() -> None:
    it = scene()
    it.cancelled.sender = it.sent.sender
    it.sign()
    assert checker.violations(it.evidence) == []
