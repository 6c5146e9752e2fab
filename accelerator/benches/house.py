"""The whole house as `manage.py up` runs it, with somebody who is logged in and Campaigns to launch."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerator.benches.browsing import Browser
from accelerator.benches.stage import Process, Stage
from accelerator.embedded import databases
from accelerator.embedded.environment import CHECKOUT
from accelerator.embedded.processes import DASHBOARD, PYTHON, Command

READY_WITHIN = 300.0


@dataclass(frozen=True)
class House:
    """`told`: what its processes are told; `launches`: for each its campaign, and the sender that names it; `process`:
    `manage.py up` itself."""

    process: Process
    data: Path
    told: Mapping[str, str]
    browser: Browser
    launches: list[dict[str, Any]]


def bring_up(stage: Stage, *, launches: int, recipients: int, **settings: str) -> House:
    """Ready, and as many Campaigns planned, each for so many recipients. Raises BenchFailed."""
    data = stage.folder / "data"
    env = stage.environment(PORT=str(stage.ports.web), **settings)
    if names_database(CHECKOUT / ".env"):
        # It can't be unnamed, and the house must not use it.
        env["DATABASE_URL"] = stage.postgres().url(databases.DASHBOARD)
    house = stage.start(Command("up", [*PYTHON, "manage.py", "up"], grace=90.0), env)
    house.until(lambda: "Accelerator is ready" in house.said, "the house is ready", READY_WITHIN)
    told = environment(data)
    planning = [*PYTHON, "-m", "accelerator.benches.planning", str(launches), str(recipients)]
    planned = json.loads(stage.finish(Command("planning", planning, DASHBOARD), env | told).splitlines()[-1])
    browser = Browser(f"http://localhost:{stage.ports.web}")
    stage.stack.callback(browser.close)
    browser.log_in(planned["username"], planned["password"])
    return House(house, data, told, browser, planned["launches"])


def names_database(file: Path) -> bool:
    """Whether a developer's .env says which database to use."""
    return file.exists() and "DATABASE_URL" in re.findall(
        r"(?m)^\s*(?:export\s+)?(\w+)\s*=", file.read_text()
    )


def environment(data: Path) -> dict[str, str]:
    """What the house tells its processes."""
    lines = (data / "environment").read_text().splitlines()
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)
