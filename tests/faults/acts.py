"""What people did and were answered for: who left, who was put on the list or taken off it, who opened a mail,
and whose message came back.
"""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import judging
from tests.faults.evidence import Act

ACTS = "acts.jsonl"
FORGOTTEN = "forgotten"
# Who did this gets no more mail; and whoever did that may get some again.
LEAVING, COMING_BACK = ("unsubscribe", "listed"), "unlisted"
# Whose mail server gave a message back that it had taken.
RETURNED = "returned"


def note(folder: Path, what: str, address: str, job: uuid.UUID | None = None) -> None:
    """Written after the answer."""
    _write(folder, {"what": what, "key": judging.key(address), "job": str(job) if job else None})


def forget(folder: Path, since: datetime) -> None:
    """A copy of the Cloud's database that was made then took its place now."""
    _write(folder, {"what": FORGOTTEN, "since": since.isoformat()})


def read(folder: Path) -> list[Act]:
    """All that was not forgotten with a database since, in order."""
    path = folder / ACTS
    found: list[Act] = []
    for said in map(json.loads, path.read_text().splitlines() if path.exists() else ()):
        if said["what"] == FORGOTTEN:
            since = datetime.fromisoformat(said["since"])
            found = [act for act in found if act.at < since]
        else:
            job = uuid.UUID(said["job"]) if said["job"] else None
            found.append(Act(datetime.fromisoformat(said["at"]), said["what"], said["key"], job))
    return found


def _write(folder: Path, said: dict[str, str | None]) -> None:
    with (folder / ACTS).open("a") as file:
        file.write(json.dumps({"at": datetime.now(UTC).isoformat()} | said) + "\n")
