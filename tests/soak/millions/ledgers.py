"""What is to be judged: the Cloud's ledger beside the mail server's count, and all the numbers that should agree."""

import re
import uuid
from collections import Counter
from dataclasses import dataclass, field

import psycopg

from tests.soak.millions import customers
from tests.soak.millions.counted import OCTETS, STRANGERS, Counted

# Where a recipient is in the ledger; without a row they are nowhere.
NOWHERE = 0
STATES = (
    "nowhere",
    "delivered",
    "bounced",
    "suppressed",
    "render_errors",
    "unknown",
    "in_flight",
    "deferred",
)
FINAL = STATES[1:6]

LEDGER = "COPY (SELECT coalesce(address_key, lower(address)), state FROM cloud_intent WHERE mailing_id = %s) TO STDOUT"
WINDOWS = """
SELECT count(*) FROM cloud_intent WHERE mailing_id = %s AND state = 'unknown' GROUP BY batch_id, committed_at
ORDER BY 1 DESC
"""
BATCHES = """
SELECT sum(records), sum(delivered), sum(bounced), sum(suppressed), sum(render_errors), sum(unknown), sum(in_flight),
    sum(deferred) FROM cloud_batch WHERE mailing_id = %s
"""
JOB = (
    "SELECT state, extracted, dropped_invalid, dropped_duplicate, counts_document FROM jobs_job WHERE id = %s"
)
EVENTS = """
SELECT kind, count(*), count(DISTINCT (batch::bigint << 32) | record) FROM jobs_event WHERE job_id = %s GROUP BY kind
"""
ADDRESS = re.compile(r"customer\.(\d+)@shop(\d+)\.example")
ROW = re.compile(r'<tr id="row-(\w+)".*?<td>([^<]*)</td>', re.DOTALL)

# (kind of the row, state in the ledger, times accepted, times refused): how many recipients.
Rested = Counter[tuple[int, int, int, int]]


@dataclass
class Found:
    """At the end. `shown`, `told`, `counted`: by state, on the Job's page, in the dashboard and at the Cloud; `events`:
    by kind, how many and of how many recipients; `windows`: how many are unknown of each transaction of intents."""

    recipients: int
    rested: Rested
    job_state: str = "collecting"
    extracted: int = 0
    dropped: dict[int, int] = field(default_factory=dict)
    strangers: int = 0  # messages that were accepted for nobody whom there is
    alien: int = 0  # rows of the ledger for nobody whom there is
    doubled: int = 0  # rows beside another one of the same person
    shown: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    events: dict[str, tuple[int, int]] = field(default_factory=dict)
    windows: list[int] = field(default_factory=list)
    senders_dead: int = 0
    octets: int = 0

    def at(self, state: str) -> int:
        """How many the ledger has there."""
        wanted = STATES.index(state)
        return sum(count for (_, found, _, _), count in self.rested.items() if found == wanted)


def read(
    dashboard: psycopg.Connection, cloud: psycopg.Connection, job: uuid.UUID, page: str, counted: Counted
) -> Found:
    """A few bytes a recipient are held meanwhile."""
    states, alien, doubled = _states(cloud, job, counted.recipients)
    kinds = customers.kinds(counted.recipients)
    everybody = zip(kinds, states, counted.accepted, counted.refused, strict=True)
    next(everybody)  # nobody has the number 0
    found = Found(counted.recipients, Counter(everybody), alien=alien, doubled=doubled)
    found.strangers, found.octets = counted.totals[STRANGERS], counted.totals[OCTETS]
    row = dashboard.execute(JOB, [job]).fetchone()
    assert row is not None
    found.job_state, found.extracted = row[0], row[1]
    found.dropped = {customers.INVALID: row[2], customers.DUPLICATE: row[3]}
    found.told = {name: row[4].get(name, 0) for name in STATES[1:]}
    found.shown = {name: _number(text) for name, text in ROW.findall(page)}
    found.events = {kind: (events, people) for kind, events, people in dashboard.execute(EVENTS, [job])}
    sums = cloud.execute(BATCHES, [job]).fetchone()
    assert sums is not None
    found.counted = dict(zip(("records", *STATES[1:]), (int(sum_ or 0) for sum_ in sums), strict=True))
    found.windows = [count for (count,) in cloud.execute(WINDOWS, [job])]
    return found


def _states(cloud: psycopg.Connection, job: uuid.UUID, recipients: int) -> tuple[bytearray, int, int]:
    """The state of each number; rows of strangers, and rows beside another one."""
    states, alien, doubled = bytearray(recipients + 1), 0, 0
    names = {name: number for number, name in enumerate(STATES)}
    with cloud.cursor() as cursor, cursor.copy(LEDGER, [job]) as copy:
        for key, state in copy.rows():
            match = ADDRESS.fullmatch(key or "")
            number = int(match[1]) if match else 0
            if not 0 < number <= recipients or key != customers.address(number):
                alien += 1
            elif states[number] != NOWHERE:
                doubled += 1
            else:
                states[number] = names[state or ""]
    return states, alien, doubled


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text) or 0)
