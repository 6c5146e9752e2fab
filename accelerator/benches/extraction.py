"""A whole Initializing, from a warehouse's first row to the freeze, beside the same rows read and thrown away."""

import json
import secrets
import statistics
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from accelerator.benches import BenchFailed, results, shops
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage
from accelerator.embedded import databases, processes
from accelerator.embedded.processes import CLOUD, DASHBOARD, PYTHON, Command

SUMMARY = (
    "2 M rows x 8 columns to the spool: validated, each once, frozen; PostgreSQL beside COPY, DuckDB, SQLite"
)
ROUNDS = 3
RECIPIENTS = 2_000_000
ROLE = "bench_reader"


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """Reference and value in turn, for each kind of warehouse, so that all meet the same machine."""
    say("bringing up PostgreSQL and Valkey, and filling three warehouses")
    env = dashboard(stage)
    warehouses = fill(stage, env, recipients)
    values: dict[str, list[float]] = {kind: [] for kind in warehouses}
    raws: dict[str, list[float]] = {kind: [] for kind in warehouses}
    told: dict[str, dict[str, Any]] = {}
    for number in range(1, rounds + 1):
        for kind, (location, read) in warehouses.items():
            raws[kind].append(recipients / shops.seconds(read))
            told[kind] = extracted(stage, env, kind, location)
            values[kind].append(recipients / told[kind]["seconds"])
            say(
                f"round {number}, {kind}: {values[kind][-1]:,.0f} rows/s; raw {raws[kind][-1]:,.0f}; "
                f"{told[kind]['peak_rss_mb']:.0f} MB"
            )
    others = {
        kind: {
            "value": results.rounded(statistics.median(values[kind])),
            "reference": results.rounded(statistics.median(raws[kind])),
            "ratio": results.rounded(statistics.median(values[kind]) / statistics.median(raws[kind])),
            "peak_rss_mb": results.rounded(told[kind]["peak_rss_mb"]),
            "memory_mb": told[kind]["memory"],
        }
        for kind in warehouses
        if kind != "postgresql"
    }
    last = told["postgresql"]
    return results.rate(
        "extraction",
        "rows/s",
        values["postgresql"],
        raws["postgresql"],
        recipients=recipients,
        records=last["records"],
        bytes_per_record=results.rounded(last["spooled"] / last["records"]),
        cpu_us_per_row=results.rounded(last["cpu"] / recipients * 1e6),
        peak_rss_mb=results.rounded(last["peak_rss_mb"]),
        memory_mb=last["memory"],
        others=others,
    )


def dashboard(stage: Stage) -> dict[str, str]:
    """A dashboard's database and broker; what its processes are told."""
    postgres, valkey = stage.postgres(), stage.valkey()
    env = stage.environment(
        DATABASE_URL=postgres.url(databases.DASHBOARD),
        REDIS_URL=valkey.url(),
        SECRET_KEY=secrets.token_urlsafe(50),
        BENCH_WAREHOUSE=postgres.url("shop"),
        LOG_LEVEL="WARNING",
    )
    databases.ensure(env["DATABASE_URL"])
    databases.ensure(env["BENCH_WAREHOUSE"])
    [migrate] = [command for command in processes.migrations() if command.env != CLOUD]
    stage.finish(migrate, env)
    return env


def fill(stage: Stage, env: Mapping[str, str], count: int) -> dict[str, tuple[str, shops.Raw]]:
    """Each kind with its location, and how it is read without us."""
    folder = stage.folder
    url = env["BENCH_WAREHOUSE"]
    parts = urlsplit(url)
    role = urlunsplit(parts._replace(netloc=f"{ROLE}@{parts.netloc.rpartition('@')[2]}"))
    return {
        "postgresql": (role, shops.postgresql(url, role, ROLE, count)),
        "duckdb": (str(folder / "shop.duckdb"), shops.duck(folder / "shop.duckdb", count)),
        "sqlite": (str(folder / "shop.sqlite"), shops.sqlite(folder / "shop.sqlite", count)),
    }


def extracted(stage: Stage, env: Mapping[str, str], kind: str, location: str) -> dict[str, Any]:
    """What one Initializing came to, in a process of its own. Raises BenchFailed."""
    script = stage.folder / "audience.sql"
    script.write_text(shops.SQL)
    inside = [*PYTHON, "-m", "accelerator.benches.extracting", kind, location, str(script)]
    said = stage.finish(Command(f"extraction from {kind}", inside, DASHBOARD), env)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    if told["state"] != "processing":
        raise BenchFailed(f"The extraction from {kind} did not come to the freeze: {told['problem']}")
    return told
