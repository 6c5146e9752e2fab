"""Brings up the house, launches, has the Job watched and judged."""

import random
import re
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import psycopg

from accelerator.benches import house
from accelerator.benches.browsing import Browser
from accelerator.benches.house import House
from accelerator.benches.stage import Stage
from accelerator.embedded.processes import DASHBOARD, PYTHON, Command
from tests.soak import people
from tests.soak.mailings import Say
from tests.soak.millions import customers, telling, watching
from tests.soak.millions.asking import Asker
from tests.soak.millions.counted import Counted
from tests.soak.millions.killing import Killer
from tests.soak.millions.meters import Meter
from tests.soak.millions.readers import Reader
from tests.soak.millions.watching import Run

RECIPIENTS, KILLS, PAUSES = 5_000_000, 200, 20
# Kills and pauses come after the first message and before this share of them, so that the Job is there for all.
UNTIL = 0.9
LISTENS_WITHIN = 60.0
RETRIES = ",".join(["5s"] * 5)


def soak(count: int, kills: int, pauses: int, seed: int, say: Say) -> list[str]:
    """The whole of it, on a stage of its own; what was not kept."""
    with Stage() as stage:
        say(f"millions: {count:,} recipients, {kills} kills, {pauses} pauses, seed {seed}")
        counted = Counted(stage.folder / "counted.bin", count)
        stage.stack.callback(counted.close)
        built = bring_up(stage, count, say)
        try:
            seen = watch_and_judge(stage, built, counted, (kills, pauses, seed), say)
        except Exception as error:
            error.add_note(f"What the processes said: {keep_logs(stage)}")
            raise
        if seen:
            say(f"What the processes said: {keep_logs(stage)}")
        return seen


def bring_up(stage: Stage, count: int, say: Say) -> House:
    """The mail server, the house and the warehouse."""
    warehouse = stage.folder / "millions.duckdb"
    began = time.monotonic()
    customers.write_warehouse(warehouse, count)
    say(
        f"a warehouse of {count:,} rows, {warehouse.stat().st_size / 1e6:,.0f} MB, in {time.monotonic() - began:.1f} s"
    )
    words = [*PYTHON, "-m", "tests.soak.millions.counting", str(stage.folder / "counted.bin"), str(count)]
    server = stage.start(Command("counting", words), stage.environment())
    server.until(lambda: "Counting" in server.said, "the mail server listens", LISTENS_WITHIN)
    port = re.findall(r"on port (\d+)", server.said)[0]
    return house.bring_up(
        stage, launches=0, recipients=1, SMTP_URL=f"smtp://127.0.0.1:{port}", RETRY_DELAYS=RETRIES
    )


def watch_and_judge(
    stage: Stage, built: House, counted: Counted, violence: tuple[int, int, int], say: Say
) -> list[str]:
    kills, pauses, seed = violence
    planning = [*PYTHON, "-m", "tests.soak.millions.planning", str(stage.folder / "millions.duckdb")]
    told = stage.finish(
        Command("planning millions", planning, DASHBOARD), stage.environment() | dict(built.told)
    )
    campaign = int(told.splitlines()[-1])
    chance = people.chance(seed, "millions")
    moments = partial(_moments, counted.recipients, chance)
    with (
        psycopg.connect(built.told["DATABASE_URL"], autocommit=True) as dashboard,
        psycopg.connect(built.told["CLOUD_DATABASE_URL"], autocommit=True) as cloud,
    ):
        meter = Meter(built.process.popen.pid)
        fields = built.browser.form(f"/campaigns/{campaign}/launch/")
        meter.start()
        stage.stack.callback(meter.stop)
        job = built.browser.launch(campaign, fields)
        run = Run(
            built,
            job,
            counted,
            dashboard,
            cloud,
            meter,
            Reader(another(built.browser, stage), job),
            Asker(
                another(built.browser, stage),
                built.told["DATABASE_URL"],
                job,
                counted,
                moments(pauses),
                chance,
            ),
            Killer(built.process.popen.pid, moments(kills), people.chance(seed, "kills"), meter.look),
        )
        for one in (run.reader, run.asker):
            stage.stack.callback(one.stop)
            one.start()
        watching.until_rest(run, say)
        for part in (run.asker, run.reader, run.meter):
            part.stop()
        return telling.judge(stage, run, say)


def _moments(recipients: int, chance: random.Random, count: int) -> list[int]:
    """How many messages were accepted when something is to happen."""
    return [chance.randrange(1, max(2, int(recipients * UNTIL))) for _ in range(count)]


def another(browser: Browser, stage: Stage) -> Browser:
    """Another window of the same person."""
    opened = Browser(str(browser.http.base_url))
    opened.http.cookies.update(browser.http.cookies)
    stage.stack.callback(opened.close)
    return opened


def keep_logs(stage: Stage) -> Path:
    """Where they are once the stage is gone."""
    shelf = Path(tempfile.mkdtemp(prefix="soak-"))
    for log in (*stage.folder.glob("*.txt"), *(stage.folder / "data").glob("up.log*")):
        shutil.copy(log, shelf)
    return shelf
