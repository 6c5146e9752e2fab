"""Evidence of a good run, built by hand, and ways to make it wrong: what the checker's own tests stand on."""

import hashlib
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.evidence import (
    Acceptance,
    Act,
    Barred,
    Contact,
    Death,
    Evidence,
    Job,
    Mail,
    Mailing,
    Move,
    Piece,
    Record,
    Told,
    Wish,
    Word,
)
from tests.faults.judging import FINAL

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SENT, CANCELLED = uuid.UUID(int=1), uuid.UUID(int=2)
SENDER, NOTICES = "people1@sender.example", "accelerator@localhost"

# The recipients of the good run, in two batches, and what became of each.
PEOPLE = (
    ("ok1", "delivered"),
    ("ok2", "delivered"),
    ("dropafterdot3", "unknown"),
    ("reject4", "bounced"),
    ("Gone5", "suppressed"),
    ("broken6", "render_errors"),
    ("ok7", "delivered"),
    ("ok8", "unknown"),  # its sender died
    ("ok9", "unknown"),  # in the same window
    ("defer10", "deferred"),  # when the window was over
)
BATCH = 5


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def good() -> Evidence:
    """A Job that was paused once and lost a sender, and one that was cancelled during its extraction."""
    job, cancelled = sent(), extraction_cancelled()
    accepted = [
        Acceptance(at(12), SENDER, f"{who}@people1.example", f"<{who}@sender.example>")
        for who, state in PEOPLE
        if state in ("delivered", "unknown") and who != "ok9"
    ]
    refused = [
        Acceptance(at(12), SENDER, "reject4@people1.example", kind="unknown_user"),
        Acceptance(at(12), SENDER, "defer10@people1.example", kind="unavailable"),
    ]
    return Evidence(
        jobs=[job, cancelled],
        received=[*accepted, Acceptance(at(3), NOTICES, cancelled.notify)],
        refused=refused,
        barred=[
            Barred("gone5@people1.example", "unsubscribed", at(0)),
            Barred("ok1@people1.example", "", at(50)),
        ],
        acts=[
            Act(at(45), "open", "ok1@people1.example", SENT),
            Act(at(46), "listed", "ok7@people1.example"),
            Act(at(47), "unlisted", "ok7@people1.example"),
            Act(at(50), "unsubscribe", "ok1@people1.example", SENT),
        ],
        deaths=[Death(at(13), "cloud worker 1", windows=1)],
        clicks={job.tokens[0]: 1, cancelled.tokens[0]: 2},
        campaigns={job.tokens[0]: 1, cancelled.tokens[0]: 2},
        texts={"the broker": "asks@host.celery.pidbox [[17], {}]", "up.log": "GET /jobs/1/ 200"},
        secrets={"SECRET_KEY": "s3cret"},
        notices_from=NOTICES,
    )


def sent() -> Job:
    records = [
        Record(n // BATCH, n % BATCH, f"R{n}", f"{who}@people1.example") for n, (who, _) in enumerate(PEOPLE)
    ]
    contacts = [
        Contact(
            *(r.batch, r.position, r.address.lower(), r.address, r.recipient_id, state, 1),
            at(11 if n < 7 else 12),
        )
        for n, (r, (_, state)) in enumerate(zip(records, PEOPLE, strict=True))
    ]
    outcomes = [c for c in contacts if c.state in FINAL]
    log = [
        Told(
            n,
            c.state,
            c.batch,
            c.position,
            c.recipient_id,
            *(("5.1.1", "mailbox", True) if c.state == "bounced" else ()),
        )
        for n, c in enumerate(outcomes, 1)
    ]
    log += [Told(len(log) + n, *told) for n, told in enumerate(LATER, 1)]
    counts = Counter(c.state for c in contacts)
    shown = {name: counts[name] for name in FINAL} | {"transferred": len(PEOPLE), "not_sent": 1}
    tallies = [Counter(c.state for c in contacts if c.batch == number) for number in (0, 1)]
    return Job(
        id=SENT,
        state="completed",
        version=5,
        paused_from=None,
        last_ask=2,
        failure="",
        extracted=len(PEOPLE),
        frozen=True,
        request_id="02-a",
        counts=shown,
        cursor=len(log),
        sender=SENDER,
        notify="people1@staff.example",
        tokens=[uuid.UUID(int=11)],
        moves=[
            Move(0, at(0), "", "initializing", "launch"),
            Move(1, at(10), "initializing", "processing", "freeze"),
            Move(2, at(20), "processing", "paused", "pause", {"in_flight": 1}, ask=1),
            Move(3, at(30), "paused", "processing", "resume", ask=2),
            Move(4, at(31), "processing", "collecting", "all_attempted"),
            Move(5, at(40), "collecting", "completed", "window_over"),
        ],
        wishes=[Wish(1, at(19), "pause", "granted"), Wish(2, at(29), "resume", "granted")],
        words=[Word(at(19.5), 1, "pause"), Word(at(29.5), 2, "run")],
        pieces=[Piece(number, BATCH, f"digest{number}", True, found=f"digest{number}") for number in (0, 1)],
        extraction=records,
        events=list(log),
        tallies={
            ("deliveries", ""): (3, 0),
            ("unknown", ""): (3, 0),
            ("hard_bounces", ""): (1, 0),
            ("hard_bounces", "mailbox"): (1, 0),
            ("suppressed", ""): (1, 0),
            ("render_errors", ""): (1, 0),
            ("opens", ""): (2, 1),
            ("machine_clicks", ""): (1, 1),
            ("machine_clicks", "0"): (1, 1),
            ("unsubscribes", ""): (1, 1),
            ("attrition", ""): (1, 1),
        },
        mailing=Mailing(
            "02-a",
            "cancel",
            pieces=[
                Piece(
                    number,
                    BATCH,
                    f"digest{number}",
                    True,
                    found=f"digest{number}",
                    tallies=dict(tallies[number]),
                )
                for number in (0, 1)
            ],
            contacts=contacts,
            log=[*log, Told(len(log) + 1, "open", 0, 1, "R1")],  # after the end nobody asks any more
        ),
    )


# What recipients did: kind, batch, record, recipient, code, category, hard, link, machine.
LATER = (
    ("open", 0, 0, "R0", "", "", False, None, False),
    ("open", 0, 0, "R0", "", "", False, None, False),
    ("click", 0, 1, "R1", "", "", False, 0, True),
    ("unsubscribe", 0, 0, "R0", "", "", False, None, False),
)


def extraction_cancelled() -> Job:
    return Job(
        id=CANCELLED,
        state="failed",
        version=1,
        paused_from=None,
        last_ask=1,
        failure="extraction_cancelled",
        extracted=None,
        frozen=False,
        request_id=None,
        counts={},
        cursor=0,
        sender="slow2@sender.example",
        notify="slow2@staff.example",
        tokens=[uuid.UUID(int=12)],
        moves=[
            Move(0, at(0), "", "initializing", "launch"),
            Move(1, at(2), "initializing", "failed", "cancel"),
        ],
        wishes=[Wish(1, at(2), "cancel", "granted")],
        mails=[Mail("slow2@staff.example", "sent", "")],
    )


@dataclass
class Scene:
    """The good run, and hands to doctor it with; what is changed is named by its place."""

    evidence: Evidence

    @property
    def sent(self) -> Job:
        return self.evidence.jobs[0]

    @property
    def cancelled(self) -> Job:
        return self.evidence.jobs[1]

    @property
    def cloud(self) -> Mailing:
        assert self.sent.mailing is not None
        return self.sent.mailing

    def another(self) -> Job:
        """A second Job like the one that was sent, to the same people by another sender; what it needs to be good."""
        job = sent()
        job.id, job.sender, job.tokens = uuid.UUID(int=3), "people3@sender.example", [uuid.UUID(int=13)]
        job.notify = "people3@staff.example"
        lines = [line for line in self.evidence.received if line.sender == SENDER]
        self.evidence.received += [replace(line, sender=job.sender) for line in lines]
        self.evidence.refused += [replace(line, sender=job.sender) for line in self.evidence.refused]
        self.evidence.clicks, self.evidence.campaigns = None, {}
        return job

    def accept(self, recipient: str, sender: str = SENDER, seconds: float = 12) -> None:
        """One more line in the journal."""
        self.evidence.received.append(Acceptance(at(seconds), sender, recipient))

    def late(self, *lines: int) -> None:
        """These lines of the journal came during the pause."""
        for index in lines:
            self.line(index, 25)

    def line(self, index: int, seconds: float) -> None:
        """A line of the journal came then."""
        _change(self.evidence.received, index, at=at(seconds))

    def refusal(self, index: int, seconds: float) -> None:
        """A refusal came then."""
        _change(self.evidence.refused, index, at=at(seconds))

    def returned(self) -> None:
        """The message to the second recipient came back."""
        self.evidence.acts.append(Act(at(39), "returned", "ok2@people1.example", SENT))

    def contact(self, index: int, **fields: object) -> None:
        _change(self.cloud.contacts, index, **fields)

    def event(self, index: int, **fields: object) -> None:
        _change(self.sent.events, index, **fields)

    def move(self, index: int, **fields: object) -> None:
        _change(self.sent.moves, index, **fields)

    def mail(self, **fields: object) -> None:
        _change(self.cancelled.mails, 0, **fields)

    def wish(self, index: int, **fields: object) -> None:
        _change(self.sent.wishes, index, **fields)

    def death(self, **fields: object) -> None:
        _change(self.evidence.deaths, 0, **fields)

    def barred(self, index: int, **fields: object) -> None:
        _change(self.evidence.barred, index, **fields)

    def end_after(self, moves: int) -> None:
        """The ledger of the sent Job ends after so many moves, and the Job stands there."""
        del self.sent.moves[moves:]
        self.sent.state, self.sent.version = self.sent.moves[-1].target, moves - 1

    def sign(self) -> None:
        """Each line of the journal has the Message-ID that the Cloud gives the recipient of the sent Job."""
        lines = self.evidence.received
        for index, line in enumerate(lines):
            name = hashlib.blake2b(
                line.recipient.lower().encode(), key=SENT.bytes, digest_size=18
            ).hexdigest()
            if line.sender == SENDER:
                _change(lines, index, message_id=f"<{name}@sender.example>")


def scene() -> Scene:
    return Scene(good())


def _change(things: list[Any], index: int, **fields: object) -> None:
    things[index] = replace(things[index], **fields)
