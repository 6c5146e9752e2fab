"""Evidence of a good run, with each promise broken once about who was contacted, and when (1 to 7)."""

import uuid
from collections.abc import Callable
from dataclasses import replace

from tests.faults.evidence import Mail, Mailing
from tests.faults.scenes import Scene, at

Doctor = Callable[[Scene], object]


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


# The invariant, what is wrong, what the checker says of it, and how it is made wrong.
CONTACTS: tuple[tuple[int, str, str, Doctor], ...] = (
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
    (
        3,
        "a message came back, and its recipient stays delivered",
        "given back, and in the ledger something else: {'delivered': 1}",
        lambda it: it.returned(),
    ),
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
)
