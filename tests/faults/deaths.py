"""Who died, as the house's own log and the suite's tell it: each death may leave some messages unknown."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.evidence import Death

# Senders in one worker, and workers.
SENDERS, WORKERS = 2, 2
FAULTS = "faults.jsonl"

# Lines of up.log, and how many windows and messages whoever died there leaves at most.
SIGNS = (
    (re.compile(r"^cloud worker \d \| .*exited with 'signal"), 1, 0),
    (re.compile(r"^up \| cloud worker \d (was killed|ended)"), SENDERS, 0),
    # To each sender a line; the message on it is the unknown one.
    (re.compile(r"^up \| receiver (was killed|ended)"), 0, SENDERS * WORKERS),
)
# A sender found that his lease was over. He explains what he left of that Job alone, and only so long after something
# was wrong: a lease that is lost while nothing is wrong with anybody was lost by a mistake of ours.
LATE = re.compile(r"^cloud worker \d \| .*batch (?P<job>[0-9a-f-]{36})/\d+: another sender took over")
TROUBLE = timedelta(seconds=60)
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (.*)")


def read(folder: Path) -> list[Death]:
    """All deaths of senders, and of whom they talk to."""
    lines = [
        (datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S,%f").astimezone(UTC), match[2])
        for path in (folder / "up.log.1", folder / "up.log")
        for line in (path.read_text(errors="replace").splitlines() if path.exists() else [])
        if (match := LINE.match(line))
    ]
    troubles = [
        *_noted(folder),
        *(
            Death(at, told[:80], windows, messages)
            for at, told in lines
            for sign, windows, messages in SIGNS
            if sign.search(told)
        ),
    ]
    late = [
        Death(at, told[:80], windows=1, job=uuid.UUID(match["job"]))
        for at, told in lines
        if (match := LATE.search(told))
        and any(trouble.at < at < trouble.at + TROUBLE for trouble in troubles)
    ]
    return sorted([*troubles, *late], key=lambda death: death.at)


def _noted(folder: Path) -> list[Death]:
    path = folder / FAULTS
    told = map(json.loads, path.read_text().splitlines() if path.exists() else ())
    return [
        Death(
            datetime.fromisoformat(said["at"]),
            said["who"],
            said["windows"],
            said["messages"],
            uuid.UUID(said["job"]) if said["job"] else None,
        )
        for said in told
    ]


def note(folder: Path, who: str, windows: int = 0, messages: int = 0, job: uuid.UUID | None = None) -> None:
    """A fault of the suite, at its moment; `job`: whose messages it leaves unknown, if only one's."""
    said = {"at": datetime.now(UTC).isoformat(), "who": who, "windows": windows, "messages": messages}
    with (folder / FAULTS).open("a") as file:
        file.write(json.dumps(said | {"job": str(job) if job else None}) + "\n")
