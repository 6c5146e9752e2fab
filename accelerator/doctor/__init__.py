"""Looks at every part that Accelerator stands on, and says in a sentence what is the matter and what to do.

examination    runs the looks beside each other, each within its time
discretion     no address and no secret in what is said

The looks, each a function that returns findings:

settings       keys and addresses of the settings
database       the dashboard's PostgreSQL: version, migrations, clock
broker         Redis or Valkey: pulse, queues
working        workers and the sweep, by what they leave in the database
cloud          the Cloud: signature, clock, and its own parts
mail           the mail server of EMAIL_URL
warehouses     each Warehouse
storage        the spool, the disk
static         collected files of the pages
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a part is."""

    OK = "ok"
    ATTENTION = "attention"  # it works, but a person should look
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What was found out about one part: what it means, and what to do."""

    verdict: Verdict
    name: str
    sentence: str


def ok(name: str, sentence: str) -> Finding:
    return Finding(Verdict.OK, name, sentence)


def attention(name: str, sentence: str) -> Finding:
    return Finding(Verdict.ATTENTION, name, sentence)


def broken(name: str, sentence: str) -> Finding:
    return Finding(Verdict.BROKEN, name, sentence)
