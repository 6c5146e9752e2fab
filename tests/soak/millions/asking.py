"""Somebody who pauses and resumes a Job on its page, at moments that chance has chosen before."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from accelerator.benches.browsing import Browser
from tests.soak.millions.counted import ACCEPTED, Counted

# Seconds until a wish is granted at the latest (whoever died holds messages for a lease), between two looks, and of a
# pause at most.
PATIENCE, GLANCE, LONG = 300.0, 0.05, 3.0

ASK = "SELECT outcome = 'granted' FROM jobs_ask WHERE job_id = %s ORDER BY number DESC LIMIT 1"
IN_FLIGHT = """
SELECT coalesce((counts ->> 'in_flight')::bigint, 0) FROM jobs_transition
WHERE job_id = %s AND target = 'paused' ORDER BY number DESC LIMIT 1
"""


class NotGranted(Exception):
    """The page refused, or nobody granted what it acknowledged."""


@dataclass(frozen=True)
class Pause:
    """Seconds until the page showed it, and until the Cloud had acknowledged; messages that were accepted between
    that and the resume, and how many it had said are in flight."""

    shown: float
    acknowledged: float
    late: int
    in_flight: int


class Asker:
    """Asks in a thread of her own, from `start` until all was asked or `stop`. What went wrong is in `failure`."""

    def __init__(
        self,
        browser: Browser,
        database_url: str,
        job: uuid.UUID,
        counted: Counted,
        moments: Sequence[int],
        chance: random.Random,
    ) -> None:
        self.browser, self.database_url, self.job, self.counted = browser, database_url, job, counted
        self.left, self.chance = sorted(moments), chance
        self.pauses: list[Pause] = []
        self.asking = False  # a pause is asked for, and its resume is not acknowledged yet
        self.failure: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asker")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with psycopg.connect(self.database_url, autocommit=True) as database:
                while self.left and not self._over.is_set():
                    if self.counted.totals[ACCEPTED] < self.left[0]:
                        self._over.wait(GLANCE)
                        continue
                    self.asking = True
                    self.pauses.append(self._pause(database))
                    # Moments that have passed meanwhile are asked for one after the other.
                    self.left.pop(0)
                    self.asking = False
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self.failure = error

    def _pause(self, database: psycopg.Connection) -> Pause:
        began = time.monotonic()
        shown = self._ask("pause", "Pause asked") - began
        self._until(lambda: self._granted(database), "a pause is acknowledged")
        acknowledged, before = time.monotonic() - began, self.counted.totals[ACCEPTED]
        row = database.execute(IN_FLIGHT, [self.job]).fetchone()
        if row is None:
            raise NotGranted("A pause was granted, and the Job is not Paused.")
        time.sleep(self.chance.random() * LONG)
        late = self.counted.totals[ACCEPTED] - before
        self._ask("resume", "Resume asked")
        self._until(lambda: self._granted(database), "a resume is acknowledged")
        return Pause(shown, acknowledged, late, int(row[0]))

    def _ask(self, wish: str, message: str) -> float:
        """When the page had acknowledged it."""
        path = f"/jobs/{self.job}/"
        fields = self.browser.form(path) | {"wish": wish}
        answer = self.browser.http.post(f"{path}ask/", data=fields, headers={"HX-Request": "true"})
        if message not in answer.text:
            raise NotGranted(f"The page did not say “{message}”: it answered {answer.status_code}.")
        return time.monotonic()

    def _granted(self, database: psycopg.Connection) -> bool:
        row = database.execute(ASK, [self.job]).fetchone()
        return bool(row and row[0])

    def _until(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > deadline:
                raise NotGranted(f"It took longer than {PATIENCE:.0f} s until {what}.")
            if self._over.wait(GLANCE):
                raise NotGranted(f"Nobody waited any more until {what}.")
