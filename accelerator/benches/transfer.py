"""A Job's spooled batches on their way to the Cloud, which stores them, beside a receiver that only writes them."""

import json
import secrets
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import duckdb

from accelerator.benches import BenchFailed, results, sending
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage
from accelerator.embedded import databases, processes
from accelerator.embedded.processes import CLOUD, DASHBOARD, PYTHON, Command
from accelerator.embedded.up import healthy

SUMMARY = "1 M records of a Job to the Cloud, stored durably; beside the same bytes written to a disk"
ROUNDS = 5
RECIPIENTS = 1_000_000


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """Reference and value in turn, so that both meet the same machine."""
    say("bringing up PostgreSQL, Valkey and the Cloud")
    env = dashboard(stage, sending.cloud(stage)[0])
    warehouse = str(stage.folder / "shop.duckdb")
    duckdb.connect(warehouse).close()
    arguments = [*PYTHON, "-m", "accelerator.benches.transferring", writer(stage), warehouse, str(recipients)]
    values, references, costs = [], [], []
    for number in range(1, rounds + 1):
        told = transferred(stage, env, Command("transfer", arguments, DASHBOARD), recipients)
        references.append(recipients / told["reference"])
        values.append(recipients / told["seconds"])
        costs.append(told["cpu"] / recipients * 1e6)
        say(f"round {number}: {values[-1]:,.0f} records/s; to the disk {references[-1]:,.0f}")
    return results.rate(
        "transfer",
        "records/s",
        values,
        references,
        recipients=recipients,
        batches=told["batches"],
        bytes_per_record=results.rounded(told["bytes"] / recipients),
        dashboard_cpu_us_per_record=results.rounded(statistics.median(costs)),
    )


def dashboard(stage: Stage, cloud: Mapping[str, str]) -> dict[str, str]:
    """A dashboard's database beside the Cloud's; what its processes are told."""
    env = {
        **cloud,
        "DATABASE_URL": databases.beside(cloud["CLOUD_DATABASE_URL"], databases.DASHBOARD),
        "REDIS_URL": cloud["CLOUD_REDIS_URL"],
        "SECRET_KEY": secrets.token_urlsafe(50),
        "CLOUD_KEY": cloud["CLOUD_KEYS"],
        "LOG_LEVEL": "WARNING",
    }
    databases.ensure(env["DATABASE_URL"])
    [migrate] = [command for command in processes.migrations() if command.env != CLOUD]
    stage.finish(migrate, env)
    return env


def transferred(stage: Stage, env: Mapping[str, str], command: Command, recipients: int) -> dict[str, Any]:
    """What came of one Job's records, in a process of its own. Raises BenchFailed."""
    told: dict[str, Any] = json.loads(stage.finish(command, env).splitlines()[-1])
    if told["transferred"] != recipients:
        raise BenchFailed(
            f"{told['transferred']:,} of {recipients:,} records were transferred: {told['problem']}"
        )
    return told


def writer(stage: Stage) -> str:
    """The receiver's address."""
    port = stage.ports.inbox
    command = Command(
        "writer", [*PYTHON, "-m", "accelerator.benches.writing", str(port), str(stage.folder / "disk")]
    )
    process = stage.start(command, stage.environment())
    process.until(partial(healthy, "127.0.0.1", port), "the writer answers", 30.0)
    return f"http://127.0.0.1:{port}"
