"""Reads what a house has left behind: two databases, the receiver's journal, the spool, the broker, the logs."""

import hashlib
import json
import shlex
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pyarrow as pa

from tests.faults import acts, deaths, traces, words
from tests.faults.evidence import (
    Acceptance,
    Barred,
    Contact,
    Evidence,
    Job,
    Mail,
    Mailing,
    Move,
    Piece,
    Record,
    Told,
    Wish,
)

TALLIES = ("in_flight", "deferred", "delivered", "bounced", "suppressed", "render_errors", "unknown")
# A file that the suite itself leaves in a house: clicks on Launch (and others, see deaths and acts).
CLICKS = "clicks.jsonl"
# An entry of the suppression list has the time at which its transaction began, which was over by then.
COMMITTED = timedelta(seconds=1)
# Seconds that an extraction which was fenced off may need to end, and to take away what it wrote meanwhile.
TIDYING = 20.0
CANCELS = ("extraction_cancelled", "cancelled")

JOBS = """
SELECT id, state, version, paused_from, last_ask, failure, extracted, frozen_at IS NOT NULL, request_id,
    counts_document, events_cursor, instructions_document FROM jobs_job ORDER BY created_at
"""

Put = Callable[[Job, list[Any]], None]

# What belongs to a Job in other tables: the first column says to which.
PARTS: tuple[tuple[Put, LiteralString], ...] = (
    (
        lambda job, row: job.tokens.append(row[0]),
        "SELECT job_id, token FROM campaigns_launch WHERE job_id = ANY(%s)",
    ),
    (
        lambda job, row: job.busy_steps.append(row[0]),
        "SELECT job_id, kind FROM jobs_step WHERE (due_at IS NOT NULL OR leased_until IS NOT NULL)"
        " AND job_id = ANY(%s)",
    ),
    (
        lambda job, row: job.moves.append(Move(*row)),
        "SELECT job_id, number, at, origin, target, cause, counts,"
        " (SELECT number FROM jobs_ask WHERE jobs_ask.id = ask_id) AS asked FROM jobs_transition"
        " WHERE job_id = ANY(%s) ORDER BY number",
    ),
    (
        lambda job, row: job.wishes.append(Wish(*row)),
        "SELECT job_id, number, at, wish, outcome FROM jobs_ask WHERE job_id = ANY(%s) ORDER BY number",
    ),
    (
        lambda job, row: job.mails.append(Mail(*row)),
        'SELECT job_id, "to", outcome, problem FROM jobs_notice WHERE job_id = ANY(%s)',
    ),
    (
        lambda job, row: job.events.append(Told(*row)),
        "SELECT job_id, position, kind, batch, record, recipient_id, code, category, hard, link, machine"
        " FROM jobs_event WHERE job_id = ANY(%s) ORDER BY position",
    ),
    (
        lambda job, row: job.tallies.update({(row[0], row[1]): (row[2], row[3])}),
        "SELECT job_id, measure, detail, total, recipients FROM jobs_tally WHERE job_id = ANY(%s)",
    ),
    (
        lambda job, row: job.pieces.append(Piece(*row)),
        "SELECT job_id, number, records, sha256, transferred_at IS NOT NULL, path FROM jobs_batch"
        " WHERE job_id = ANY(%s) ORDER BY number",
    ),
)


def gather(folder: Path, only: Iterable[uuid.UUID] | None = None) -> Evidence:
    """Everything about a house whose databases run; `only` these Jobs, and then nothing about the house itself."""
    told = environment(folder)
    wanted = None if only is None else set(only)
    with (
        psycopg.connect(told["DATABASE_URL"], autocommit=True) as dashboard,
        psycopg.connect(told["CLOUD_DATABASE_URL"], autocommit=True) as cloud,
    ):
        jobs = read_jobs(dashboard, folder, wanted)
        known = {row[0] for row in dashboard.execute("SELECT id FROM jobs_job")}
        strangers = read_mailings(cloud, jobs, known)
        done = acts.read(folder)
        told_so = {act.key: act.at for act in done if act.what in acts.LEAVING}
        barred = [
            Barred(name, reason, max(at, told_so.get(name, at + COMMITTED)))
            for name, reason, at in cloud.execute("SELECT address_key, reason, at FROM cloud_suppression")
        ]
        launches = dashboard.execute("SELECT token, campaign_id FROM campaigns_launch").fetchall()
        lists: dict[uuid.UUID, str] = dict(
            dashboard.execute("SELECT id, dropped_file FROM jobs_job WHERE dropped_file <> ''").fetchall()
        )
    said = words.read(folder)
    for job in jobs.values():
        job.words = said.get(str(job.id), []) + said.get(job.request_id or "", [])
        if job.state == "failed" and not job.request_id:
            # Whoever cancelled wants no list of dropped rows; where a Job failed its page offers it.
            offered = None if job.failure in CANCELS else lists.get(job.id)
            job.leftovers = leftovers(folder / "spool", job.id, offered)
    found = Evidence(
        jobs=list(jobs.values()), whole=wanted is None, barred=barred, acts=done, strangers=strangers
    )
    found.received = list(journal(folder / "receiver" / "received.jsonl"))
    found.refused = list(journal(folder / "receiver" / "refused.jsonl"))
    found.deaths = deaths.read(folder)
    found.notices_from = told.get("NOTICES_FROM", "accelerator@localhost")
    if found.whole:
        found.clicks, found.campaigns = clicks(folder), dict(launches)
        found.texts, found.secrets = traces.read(folder, told), traces.secrets(told)
    return found


def environment(folder: Path) -> dict[str, str]:
    """What the processes of the house were told."""
    lines = (folder / "environment").read_text().splitlines()
    return dict(shlex.split(line)[0].split("=", 1) for line in lines if "=" in line)


# --- the dashboard --------------------------------------------------------------------------------------


def read_jobs(
    database: psycopg.Connection, folder: Path, only: set[uuid.UUID] | None
) -> dict[uuid.UUID, Job]:
    """The Jobs with their ledgers, spools and events."""
    jobs: dict[uuid.UUID, Job] = {}
    for *columns, instructions in database.execute(JOBS):
        if only is None or columns[0] in only:
            sender, notify = instructions["sender"]["from_address"], instructions["notification_address"]
            jobs[columns[0]] = Job(*[*columns, sender, notify])
            jobs[columns[0]].columns = (
                instructions["audience"]["recipient_id_column"],
                instructions["audience"]["email_column"],
            )
    for put, sql in PARTS:
        for key, *row in database.execute(sql, [list(jobs)]):
            put(jobs[key], row)
    for job in jobs.values():
        for piece in job.pieces:
            read_piece(job, piece, folder / "spool")
    return jobs


def read_piece(job: Job, piece: Piece, spool: Path) -> None:
    """What the spool really holds of a batch."""
    path = spool / piece.path
    if not path.exists():
        return
    data = path.read_bytes()
    piece.found = hashlib.sha256(data).hexdigest()
    table = pa.ipc.open_stream(pa.BufferReader(data)).read_all()
    named = zip(*(table[column].to_pylist() for column in job.columns), strict=True)
    job.extraction += [
        Record(piece.number, position, str(recipient), str(address))
        for position, (recipient, address) in enumerate(named)
    ]


# --- the Cloud ------------------------------------------------------------------------------------------


BATCHES = """
SELECT mailing_id, number, records, sha256, received_at IS NOT NULL,
    (SELECT encode(sha256(data), 'hex') FROM cloud_batchbytes WHERE batch_id = batch.id),
    in_flight, deferred, delivered, bounced, suppressed, render_errors, unknown
FROM cloud_batch batch WHERE mailing_id = ANY(%s) ORDER BY number
"""
CONTACTS = """
SELECT intent.mailing_id, batch.number, intent.position, intent.address_key, intent.address, intent.recipient_id,
    intent.state, intent.attempts, intent.committed_at, intent.settled_at
FROM cloud_intent intent JOIN cloud_batch batch ON batch.id = intent.batch_id WHERE intent.mailing_id = ANY(%s)
"""
# What nobody has asked for yet has no number: it comes after all the others.
LOG = "SELECT mailing_id, first, events FROM cloud_logentry WHERE mailing_id = ANY(%s) ORDER BY first NULLS LAST, id"


def read_mailings(
    database: psycopg.Connection, jobs: dict[uuid.UUID, Job], known: set[uuid.UUID]
) -> list[uuid.UUID]:
    """Put to each Job what the Cloud has of it; keys that no Job has."""
    strangers = []
    for key, request_id, desired in database.execute("SELECT key, request_id, desired FROM cloud_mailing"):
        if key in jobs:
            jobs[key].mailing = Mailing(request_id, desired)
        elif key not in known:
            strangers.append(key)
    mailings = {key: job.mailing for key, job in jobs.items() if job.mailing is not None}
    keys = [list(mailings)]
    for key, number, records, sha256, received, found, *tallies in database.execute(BATCHES, keys):
        counted = dict(zip(TALLIES, tallies, strict=True))
        mailings[key].pieces.append(Piece(number, records, sha256, received, found=found, tallies=counted))
    for key, *row in database.execute(CONTACTS, keys):
        mailings[key].contacts.append(Contact(*row))
    for key, first, events in database.execute(LOG, keys):
        log = mailings[key].log
        log += _events(first or (log[-1].position + 1 if log else 1), json.loads(events))
    return strangers


def _events(first: int, events: Sequence[dict[str, Any]]) -> list[Told]:
    # When a hit was made is told with it; of all others it is the time of the entry.
    whole = ({name: value for name, value in event.items() if name != "at"} for event in events)
    return [Told(position=position, **event) for position, event in enumerate(whole, first)]


# --- files ----------------------------------------------------------------------------------------------


def journal(path: Path) -> Iterator[Acceptance]:
    """The receiver's journal; a last line without an end was never answered for."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        said = json.loads(line)
        yield Acceptance(
            datetime.fromisoformat(said["at"]),
            said["sender"],
            said["recipient"],
            said.get("message_id", ""),
            said.get("kind", ""),
        )


def clicks(folder: Path) -> dict[uuid.UUID, int] | None:
    """Tokens of launches that people have sent, and for which campaign."""
    path = folder / CLICKS
    if not path.exists():
        return None
    return {
        uuid.UUID(said["token"]): said["campaign"] for said in map(json.loads, path.read_text().splitlines())
    }


def leftovers(spool: Path, job: uuid.UUID, offered: str | None) -> int:
    """Files that stay beside the one that is offered, once whoever was still at it has let go."""
    deadline = time.monotonic() + TIDYING
    while (kept := _files(spool, job, offered)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return kept


def _files(spool: Path, job: uuid.UUID, offered: str | None) -> int:
    found = (path for path in (spool / str(job)).rglob("*") if path.is_file())
    return sum(offered is None or path != spool / offered for path in found)


def note_click(folder: Path, token: uuid.UUID, campaign: object) -> None:
    """Written before the click is sent."""
    with (folder / CLICKS).open("a") as file:
        file.write(json.dumps({"token": str(token), "campaign": campaign}) + "\n")
