"""From the click on Launch to the first message that the world accepts, on the whole house as `up` runs it."""

import json
import statistics
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg

from accelerator.benches import BenchFailed, house, results
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage

SUMMARY = "launch -> first message accepted, 1,000 recipients, p95; 3 s are allowed"
ROUNDS = 20
RECIPIENTS = 1_000
ALLOWED = 3.0

# Seconds for a launch's first message, for the rest of it, and between two looks at the log.
FIRST_WITHIN = 60.0
REST_WITHIN = 300.0
GLANCE = 0.004


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """`rounds` launches, one after the other; each begins when all of the one before have been attempted."""
    say("bringing up the house")
    built = house.bring_up(stage, launches=rounds, recipients=recipients)
    log = Log(built.data / "receiver" / "received.jsonl")
    browser = built.browser
    seconds = []
    with psycopg.connect(built.told["DATABASE_URL"], autocommit=True) as database:
        for number, plan in enumerate(built.launches, 1):
            fields = browser.form(f"/campaigns/{plan['campaign']}/launch/")
            began = time.perf_counter()
            job = browser.launch(plan["campaign"], fields)
            log.wait_for(plan["sender"])
            seconds.append(time.perf_counter() - began)
            say(f"launch {number}: {seconds[-1]:.3f} s")
            wait_for_rest(database, job)
    return results.duration(
        "launch",
        results.percentile(seconds, 95),
        ALLOWED,
        recipients=recipients,
        launches=rounds,
        median=results.rounded(statistics.median(seconds)),
        worst=results.rounded(max(seconds)),
        values=list(map(results.rounded, seconds)),
    )


class Log:
    """The receiver's log of acceptances, read as it grows; each line stands there before its reply is sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = path.stat().st_size if path.exists() else 0

    def wait_for(self, sender: str) -> None:
        """Until a message of this sender was accepted. Raises BenchFailed."""
        wanted = json.dumps({"sender": sender})[1:-1].encode()
        deadline = time.monotonic() + FIRST_WITHIN
        while wanted not in self.read():
            if time.monotonic() > deadline:
                raise BenchFailed(f"No message of the launch was accepted within {FIRST_WITHIN:.0f} s.")
            time.sleep(GLANCE)

    def read(self) -> bytes:
        """The whole lines since the last look."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(self.position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.position += len(whole)
        return whole


def wait_for_rest(database: psycopg.Connection, job: uuid.UUID) -> None:
    """Until all of the Job have been attempted. Raises BenchFailed."""
    deadline = time.monotonic() + REST_WITHIN
    while True:
        row = database.execute("SELECT state FROM jobs_job WHERE id = %s", [job]).fetchone()
        state = row[0] if row else "gone"
        if state in ("collecting", "completed"):
            return
        if state not in ("initializing", "processing") or time.monotonic() > deadline:
            raise BenchFailed(f"A launched Job did not come to Collecting: it is {state}.")
        time.sleep(0.1)
