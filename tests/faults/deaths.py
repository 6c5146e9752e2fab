"""Who died, as the house's own log and the suite's tell it: each death may leave some messages unknown."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.evidence import Death

# Senders in one worker, and workers.
SENDERS, WORKERS = 2, 2
FAULTS = "faults.jsonl"

# Lines of up.log, and how many windows and messages whoever died there leaves at most.
SIGNS = (
    (re.compile(r"^cloud worker \d \| .*exited with 'signal"), 1, 0),
    (re.compile(r"^cloud worker \d \| .*another sender took over"), 1, 0),
    (re.compile(r"^up \| cloud worker \d (was killed|ended)"), SENDERS, 0),
    # To each sender a line; the message on it is the unknown one.
    (re.compile(r"^up \| receiver (was killed|ended)"), 0, SENDERS * WORKERS),
)
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (.*)")


def read(folder: Path) -> list[Death]:
    """All deaths of senders, and of whom they talk to."""
    found = []
    for path in (folder / "up.log.1", folder / "up.log"):
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            found += _told(line)
    path = folder / FAULTS
    for line in path.read_text().splitlines() if path.exists() else []:
        said = json.loads(line)
        found.append(
            Death(datetime.fromisoformat(said["at"]), said["who"], said["windows"], said["messages"])
        )
    return sorted(found, key=lambda death: death.at)


def _told(line: str) -> list[Death]:
    match = LINE.match(line)
    if match is None:
        return []
    at = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S,%f").astimezone(UTC)
    return [
        Death(at, match[2][:80], windows, messages)
        for sign, windows, messages in SIGNS
        if sign.search(match[2])
    ]


def note(folder: Path, who: str, windows: int = 0, messages: int = 0) -> None:
    """A fault of the suite, at its moment."""
    said = {"at": datetime.now(UTC).isoformat(), "who": who, "windows": windows, "messages": messages}
    with (folder / FAULTS).open("a") as file:
        file.write(json.dumps(said) + "\n")
