"""A whole Initializing, from a warehouse's first row to the freeze, beside the same rows read and thrown away."""

import json
import secrets
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
ROUNDS = 5
RECIPIENTS = 2_000_000
ROLE = "bench_reader"


@dataclass(frozen=True)
class Shop:
    """A warehouse of a kind at a location, the SQL of the Audience, and how the same is read without us."""

    kind: str
    location: str
    sql: str
    read: shops.Raw


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """The reference before and after each value, for each shop, so that all meet the same machine."""
    say("bringing up PostgreSQL and Valkey, and filling three warehouses")
    env = dashboard(stage)
    found = fill(stage, env, recipients)
    values: dict[str, list[float]] = {name: [] for name in found}
    raws: dict[str, list[float]] = {name: [] for name in found}
    told: dict[str, dict[str, Any]] = {}
    for number in range(1, rounds + 1):
        for name, shop in found.items():
            before = recipients / shops.seconds(shop.read)
            told[name] = extracted(stage, env, shop)
            after = recipients / shops.seconds(shop.read)
            values[name].append(recipients / told[name]["seconds"])
            raws[name] += [before, after]
            say(
                f"round {number}, {name}: {values[name][-1]:,.0f} rows/s; raw {before:,.0f} and {after:,.0f}; "
                f"{told[name]['peak_rss_mb']:.0f} MB, of a file's reader {told[name]['reader_peak_rss_mb']:.0f} MB"
            )
    others = {
        name: {
            "value": results.rounded(statistics.median(values[name])),
            "reference": results.rounded(statistics.median(raws[name])),
            "ratio": results.rounded(statistics.median(values[name]) / statistics.median(raws[name])),
            "peak_rss_mb": results.rounded(told[name]["peak_rss_mb"]),
            "reader_peak_rss_mb": results.rounded(told[name]["reader_peak_rss_mb"]),
            "memory_mb": told[name]["memory"],
        }
        for name in found
        if name != "postgresql"
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


def fill(stage: Stage, env: Mapping[str, str], count: int) -> dict[str, Shop]:
    """The shops by name."""
    folder = stage.folder
    url = env["BENCH_WAREHOUSE"]
    parts = urlsplit(url)
    role = urlunsplit(parts._replace(netloc=f"{ROLE}@{parts.netloc.rpartition('@')[2]}"))
    shops.postgresql(url, ROLE, count)
    duck, lite = folder / "shop.duckdb", folder / "shop.sqlite"
    return {
        "postgresql": Shop("postgresql", role, shops.SQL, shops.copying(role, shops.SQL)),
        "postgresql, small rows": Shop(
            "postgresql", role, shops.SMALL_SQL, shops.copying(role, shops.SMALL_SQL)
        ),
        "duckdb": Shop("duckdb", str(duck), shops.SQL, shops.duck(duck, count)),
        "sqlite": Shop("sqlite", str(lite), shops.SQL, shops.sqlite(lite, count)),
    }


def extracted(stage: Stage, env: Mapping[str, str], shop: Shop) -> dict[str, Any]:
    """What one Initializing came to, in a process of its own. Raises BenchFailed."""
    script = stage.folder / "audience.sql"
    script.write_text(shop.sql)
    inside = [*PYTHON, "-m", "accelerator.benches.extracting", shop.kind, shop.location, str(script)]
    said = stage.finish(Command(f"extraction from {shop.kind}", inside, DASHBOARD), env)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    if told["state"] != "processing":
        raise BenchFailed(f"The extraction from {shop.kind} did not come to the freeze: {told['problem']}")
    return told
