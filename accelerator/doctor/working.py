"""Workers, the sweep and what is due, by what they leave in the database."""

from accelerator.doctor import Finding, broken, ok
from jobs import health

# Looked at more closely elsewhere.
ELSEWHERE = frozenset({"database", "broker"})


def look() -> list[Finding]:
    findings = [
        (ok if part.ok else broken)(part.name, part.sentence)
        for part in health.parts()
        if part.name not in ELSEWHERE
    ]
    return findings or [
        broken("workers", "Not looked at: what they leave stands in the database, which does not answer.")
    ]
