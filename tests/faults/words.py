"""What the Cloud says in its log about controls that it applied, with the time at which `up` heard it."""

import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.evidence import Word

SAID = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) cloud \| .*"
    r"\bmailing (\S+): control (\d+), (run|pause|cancel)\b"
)


def read(folder: Path) -> dict[str, list[Word]]:
    """By Request ID, or by key where there was none."""
    found = defaultdict(list)
    for path in (folder / "up.log.1", folder / "up.log"):
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            if match := SAID.match(line):
                at = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S,%f").astimezone(UTC)
                found[match[2]].append(Word(at, int(match[3]), match[4]))
    return found
