"""Pauses while a Job is sent at full speed: when the page shows one, when the Cloud has it, when the last mail goes."""

import random
import re
import time
import uuid
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from accelerator.benches import BenchFailed, house, results
from accelerator.benches.browsing import Browser
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage
from accelerator.embedded.processes import PYTHON, Command

SUMMARY = "300 pauses at full speed: click -> shown, acknowledged by the Cloud, last message; p99 of each"
ROUNDS = 300
RECIPIENTS = 2_000_000

# Seconds that are allowed from the click, of 99 in 100 pauses.
ALLOWED = {"shown": 0.5, "acknowledged": 1.0, "last_message": 2.0}

# Messages that are accepted between a resume and the next pause, and up to how many seconds more.
MORE, LONGER = 500, 0.5
# Seconds without a message behind a pause, until it is over; between two looks; and for anything at all.
QUIET, GLANCE, PATIENCE = 1.5, 0.01, 60.0

ASK = "SELECT outcome = 'granted' FROM jobs_ask WHERE job_id = %s ORDER BY number DESC LIMIT 1"
# `at` is when the Job's row was changed: the Cloud had acknowledged, and counted, before.
PAUSED = """
SELECT extract(epoch FROM at), (counts ->> 'in_flight')::bigint FROM jobs_transition
WHERE job_id = %s AND target = 'paused' ORDER BY number DESC LIMIT 1
"""


@dataclass(frozen=True)
class Pause:
    """Seconds from the click; messages that were accepted after the acknowledgement, and how many it allows."""

    shown: float
    acknowledged: float
    last_message: float
    late: int
    in_flight: int


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """One Job, paused and resumed again and again. Raises BenchFailed where a pause lets out more than it said."""
    say("bringing up the house")
    record = stage.folder / "recorded.txt"
    recording = [*PYTHON, "-m", "accelerator.benches.recording", str(record)]
    recorder = stage.start(Command("recorder", recording), stage.environment())
    recorder.until(lambda: "Recording" in recorder.said, "the recorder listens", PATIENCE)
    port = re.findall(r"on port (\d+)", recorder.said)[0]
    built = house.bring_up(stage, launches=1, recipients=recipients, SMTP_URL=f"smtp://127.0.0.1:{port}")
    [plan] = built.launches
    job = built.browser.launch(plan["campaign"], built.browser.form(f"/campaigns/{plan['campaign']}/launch/"))
    chance = random.Random(rounds)  # noqa: S311 - when somebody clicks
    pauses: list[Pause] = []
    with psycopg.connect(built.told["DATABASE_URL"], autocommit=True) as database:
        desk = Desk(built.browser, database, job, Recorded(record))
        for number in range(1, rounds + 1):
            desk.wait_for_messages(MORE)
            time.sleep(chance.random() * LONGER)
            pauses.append(desk.pause())
            desk.resume()
            if number % 10 == 0:
                say(f"{number} pauses: {said(pauses)}; {len(desk.recorded.times):,} messages")
        rate = desk.recorded.rate()
    worst = {name: results.percentile([getattr(one, name) for one in pauses], 99) for name in ALLOWED}
    name = min(ALLOWED, key=lambda name: ALLOWED[name] / worst[name])
    details: dict[str, Any] = {f"{name}_p99": results.rounded(worst[name]) for name in ALLOWED}
    return results.duration(
        "pause",
        worst[name],
        ALLOWED[name],
        of=name,
        **details,
        pauses=rounds,
        late=sum(one.late for one in pauses),
        in_flight=sum(one.in_flight for one in pauses),
        messages=len(desk.recorded.times),
        most_messages_in_a_second=rate,
    )


def said(pauses: list[Pause]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {results.percentile([getattr(one, name) for one in pauses], 99):.3f} s"
        for name in ALLOWED
    )


class Recorded:
    """When each message was accepted, in seconds since 1970, read as the record grows."""

    def __init__(self, path: Path) -> None:
        self.path, self.times = path, array("d")
        self._read = 0

    def look(self) -> int:
        """How many there are now."""
        with self.path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        self.times.extend(map(float, whole.split()))
        return len(self.times)

    def rate(self) -> int:
        """The most in any whole second."""
        seconds: dict[int, int] = {}
        for moment in self.times:
            seconds[int(moment)] = seconds.get(int(moment), 0) + 1
        return max(seconds.values(), default=0)


class Desk:
    """Somebody at the Job's page."""

    def __init__(
        self, browser: Browser, database: psycopg.Connection, job: uuid.UUID, recorded: Recorded
    ) -> None:
        self.browser, self.database, self.job, self.recorded = browser, database, job, recorded

    def wait_for_messages(self, more: int) -> None:
        wanted = self.recorded.look() + more
        self._until(lambda: self.recorded.look() >= wanted, "it sends")

    def pause(self) -> Pause:
        """Ask for it, and watch until nothing is sent any more."""
        fields = self._fields()
        clicked = time.time()
        self._ask(fields, "pause", "Pause asked")
        shown = time.time()
        self._until(self._granted, "the Cloud acknowledges a pause")
        acknowledged = time.time()
        row = self.database.execute(PAUSED, [self.job]).fetchone()
        if row is None:
            raise BenchFailed("A pause was granted, and the Job is not Paused.")
        self._until(self._is_quiet, "nothing is sent any more")
        times = self.recorded.times
        after = sum(moment > float(row[0]) for moment in times[-int(row[1]) - 1_000 :])
        if after > row[1]:
            raise BenchFailed(
                f"{after} messages were accepted after a pause that was acknowledged with {row[1]} in flight."
            )
        last = max(0.0, times[-1] - clicked)
        return Pause(shown - clicked, acknowledged - clicked, last, after, int(row[1]))

    def resume(self) -> None:
        self._ask(self._fields(), "resume", "Resume asked")
        self._until(self._granted, "the Cloud acknowledges a resume")

    def _fields(self) -> dict[str, str]:
        return self.browser.form(f"/jobs/{self.job}/")

    def _ask(self, fields: dict[str, str], wish: str, message: str) -> None:
        answer = self.browser.http.post(
            f"/jobs/{self.job}/ask/", data=fields | {"wish": wish}, headers={"HX-Request": "true"}
        )
        if message not in answer.text:
            raise BenchFailed(
                f"The page did not say “{message}” (is the Job over? --recipients N makes it longer): "
                f"it answered {answer.status_code}."
            )

    def _granted(self) -> bool:
        row = self.database.execute(ASK, [self.job]).fetchone()
        return bool(row and row[0])

    def _is_quiet(self) -> bool:
        self.recorded.look()
        return time.time() - self.recorded.times[-1] > QUIET

    def _until(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > deadline:
                raise BenchFailed(f"It took longer than {PATIENCE:.0f} s until {what}.")
            time.sleep(GLANCE)
