"""What was promised, held against the receiver's record, the Cloud's ledger and its log."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.faults import contacts, gathering, judging
from tests.faults.evidence import Acceptance, Contact, Evidence, Job, Move, Piece
from tests.faults.judging import View, some
from tests.mail import MailReceiver
from tests.soak import people
from tests.soak.clouds import Cloud
from tests.soak.sent import Sent

NOT_SENT = "not sent"


def evidence(cloud: Cloud, receiver: MailReceiver) -> Evidence:
    """All that is to be judged. The dashboard's part of a Job is what it would have asked for, and been told."""
    jobs = {sent.key: _job(sent) for sent in cloud.sent}
    strangers = gathering.read_mailings(cloud.database, jobs, set(jobs))
    now = datetime.now(UTC)
    return Evidence(
        jobs=list(jobs.values()),
        strangers=strangers,
        received=[Acceptance(now, sender, recipient) for sender, recipient, _ in receiver.messages],
        deaths=list(cloud.deaths),
    )


def _job(sent: Sent) -> Job:
    document = sent.submission.document()
    entries = document["batches"]
    assert isinstance(entries, list)
    return Job(
        id=sent.key,
        state="failed" if sent.cancelled else "completed",
        version=1,
        paused_from=None,
        last_ask=0,
        failure="cancelled" if sent.cancelled else "",
        extracted=len(sent.addresses),
        frozen=True,
        request_id=sent.status.request_id,
        counts=sent.status.counts.model_dump(),
        cursor=0,
        sender=sent.sender,
        notify="",
        moves=[Move(0, sent.began, "", "initializing", "launch"), Move(1, sent.ended, "", "", "")],
        pieces=[
            Piece(entry["number"], entry["records"], entry["sha256"], transferred=True, found=entry["sha256"])
            for entry in entries
        ],
        extraction=sent.records,
    )


def violations(found: Evidence, cloud: Cloud, receiver: MailReceiver) -> list[str]:
    """Every promise that was not kept."""
    view = judging.view(found)
    seen = [str(violation) for rule in contacts.RULES for violation in rule(view)]
    for sent, job in zip(cloud.sent, found.jobs, strict=True):
        told = [*_equation(sent, job), *_fates(view, job), *_refusals(job, receiver), *_log(job)]
        seen += [f"mailing {sent.tag}: {sentence}" for sentence in told]
    return seen


def _equation(sent: Sent, job: Job) -> Iterator[str]:
    """extracted = delivered + bounced + suppressed + render errors + unknown + not sent, as the Cloud itself counts."""
    counts = sent.status.counts
    ended = {name: getattr(counts, name) for name in (*judging.FINAL, "not_sent")}
    if sum(ended.values()) != job.extracted:
        yield f"extracted {job.extracted} is not the sum of {ended}"


def states(job: Job) -> dict[tuple[int, int], str]:
    """Where the recipient of each record came to rest."""
    rows = job.mailing.contacts if job.mailing else []
    settled = {(row.batch, row.position): row.state for row in rows if row.state in judging.FINAL}
    return {
        (record.batch, record.position): settled.get((record.batch, record.position), NOT_SENT)
        for record in job.extraction
    }


def _fates(view: View, job: Job) -> Iterator[str]:
    """Each recipient is where the word in the address says; after a cancel, or not sent."""
    where = states(job)
    accepted = Counter(judging.key(line.recipient) for line in view.accepted[job.id])
    dead = any(job.began < death.at < job.ended for death in view.evidence.deaths)
    wrong: Counter[str] = Counter()
    for record in job.extraction:
        word, state = people.word(record.address), where[record.batch, record.position]
        fate, times = people.FATES[word], accepted[judging.key(record.address)]
        if state == NOT_SENT and job.failure == "cancelled":
            if times:
                wrong[f"{word}: not sent, and accepted {times} times"] += 1
        elif state == "unknown" and dead:
            continue  # a sender died with it; `contacts` counts whether there were so many
        elif (state, times) != (fate.state, fate.accepted):
            wrong[f"{word}: {state}, accepted {times} times; right is {fate.state}, {fate.accepted}"] += 1
    yield from (f"{count} recipients {sentence}" for sentence, count in wrong.items())


def _refusals(job: Job, receiver: MailReceiver) -> Iterator[str]:
    """Whoever has come to rest was refused as often as the word says: no retry too few, none too many."""
    where = states(job)
    met = Counter(address for address, _ in receiver.refused)
    wrong: Counter[str] = Counter()
    for record in job.extraction:
        word, state = people.word(record.address), where[record.batch, record.position]
        fate, times = people.FATES[word], met[record.address]
        if state == fate.state and fate.refused is not None and times != fate.refused:
            wrong[f"{word}: refused {times} times; right is {fate.refused}"] += 1
    yield from (f"{count} recipients {sentence}" for sentence, count in wrong.items())


def _log(job: Job) -> Iterator[str]:
    """The log has no gap, and tells of each outcome once, with the right code and category."""
    assert job.mailing is not None
    log, rows = job.mailing.log, job.mailing.contacts
    if [event.position for event in log] != list(range(1, len(log) + 1)):
        yield "the positions of the log have gaps"
    told = Counter((event.batch, event.record, event.kind) for event in log)
    happened = Counter((row.batch, row.position, row.state) for row in rows if row.state in judging.FINAL)
    if told != happened:
        yield f"the log tells of {some((told - happened).keys())}, and not of {some((happened - told).keys())}"
    address = {(row.batch, row.position): row.address for row in rows}
    wrong: Counter[str] = Counter()
    for event in log:
        word = people.word(address.get((event.batch, event.record), ""))
        fate = people.FATES.get(word)
        if not (fate and fate.told and event.kind == fate.state):
            continue
        if (event.code, event.category) not in fate.told or event.hard != fate.hard:
            said = f"{event.code} {event.category} {'hard' if event.hard else 'soft'}"
            wrong[f"{word}: told as {said}; right is {fate.told}"] += 1
    yield from (f"{count} recipients {sentence}" for sentence, count in wrong.items())


def unknown_windows(job: Job) -> list[int]:
    """How many are unknown of each window of intents that a death left, the largest first."""
    rows: list[Contact] = job.mailing.contacts if job.mailing else []
    left = [row for row in rows if row.state == "unknown" and people.word(row.address) != "dropafterdot"]
    return contacts.windows(left)


def table(found: Evidence, cloud: Cloud) -> str:
    """By word: how many, and where they came to rest."""
    columns = (*judging.FINAL, NOT_SENT)
    lines: list[tuple[str, ...]] = [("mailing", "word", "recipients", *columns)]
    for sent, job in zip(cloud.sent, found.jobs, strict=True):
        where = states(job)
        rested = Counter(
            (people.word(record.address), where[record.batch, record.position]) for record in job.extraction
        )
        for word in people.FATES:
            numbers = [rested[word, state] for state in columns]
            if sum(numbers):
                lines.append(
                    (sent.tag, word, f"{sum(numbers):,}", *(f"{n:,}" if n else "-" for n in numbers))
                )
        totals = [sum(n for (_, state), n in rested.items() if state == name) for name in columns]
        lines.append((sent.tag, "all", f"{sum(totals):,}", *(f"{n:,}" for n in totals)))
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in lines
    )
