"""What the checker's rules share: violations, whose message an acceptance is, and when two addresses are one person."""

import contextlib
import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import idna

from tests.faults.evidence import Acceptance, Contact, Evidence, Job

# Where a recipient can come to rest at the Cloud.
FINAL = ("delivered", "bounced", "suppressed", "render_errors", "unknown")


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept: the number of the invariant (GOALS.md), the Job, and what was seen."""

    invariant: int
    job: uuid.UUID | None
    seen: str

    def __str__(self) -> str:
        whose = f"job {self.job}" if self.job else "the house"
        return f"invariant {self.invariant}, {whose}: {self.seen}"


@dataclass
class View:
    """The evidence, with each line of the journal put to its Job."""

    evidence: Evidence
    accepted: dict[uuid.UUID, list[Acceptance]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[uuid.UUID, list[Acceptance]] = field(default_factory=lambda: defaultdict(list))
    notices: dict[str, list[Acceptance]] = field(default_factory=lambda: defaultdict(list))
    strays: list[Acceptance] = field(default_factory=list)

    def contacts(self, job: Job) -> list[Contact]:
        return job.mailing.contacts if job.mailing else []

    def returned(self, job: Job) -> dict[tuple[int, int], Contact]:
        """Whose messages were given back after they had been accepted, by their places."""
        keys = {act.key for act in self.evidence.acts if act.what == "returned" and act.job == job.id}
        return {(one.batch, one.position): one for one in self.contacts(job) if one.key in keys}


def key(address: str) -> str:
    """One person, one key: the domain in A-labels, everything in lower case."""
    local, _, domain = address.strip().rpartition("@")
    if not domain.isascii():
        with contextlib.suppress(idna.IDNAError):  # one that cannot exist is like no other but itself
            domain = idna.encode(domain, uts46=True).decode()
    return f"{local}@{domain}".lower()


def view(evidence: Evidence) -> View:
    """A message is the Job's whose sender it names; where several share a sender, the Message-ID tells."""
    by_sender: dict[str, list[Job]] = defaultdict(list)
    for job in evidence.jobs:
        by_sender[job.sender].append(job)
    seen = View(evidence)
    for line in evidence.received:
        owner = _whose(line, by_sender[line.sender])
        if owner is not None:
            seen.accepted[owner.id].append(line)
        elif line.sender == evidence.notices_from:
            seen.notices[line.recipient.lower()].append(line)
        else:
            seen.strays.append(line)
    for line in evidence.refused:  # at RCPT there is no Message-ID yet: it may be of any who were sent
        owners = by_sender[line.sender]
        for job in owners if len(owners) < 2 else [job for job in owners if job.frozen]:
            seen.refused[job.id].append(line)
    return seen


def _whose(line: Acceptance, jobs: list[Job]) -> Job | None:
    if len(jobs) < 2:
        return jobs[0] if jobs else None
    for job in jobs:
        name = hashlib.blake2b(key(line.recipient).encode(), key=job.id.bytes, digest_size=18).hexdigest()
        if line.message_id.startswith(f"<{name}@"):
            return job
    return None


def some(things: Iterable[object]) -> str:
    """A few of them, for a sentence."""
    all_of_them = sorted(map(str, things))
    return ", ".join(all_of_them[:3]) + (" and others" if len(all_of_them) > 3 else "")
