"""Older copies of a house's databases: made while it runs, put in their place when it has ended."""

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from accelerator.embedded.postgres import Postgres
from tests.faults import gathering
from tests.faults.world import World
from tests.journeys.house import CHECKOUT, KEPT

# The databases of a house, by the setting that names each, and the settings of their side.
DATABASES = {"dashboard": "DATABASE_URL", "cloud": "CLOUD_DATABASE_URL"}
SETTINGS = {"dashboard": "accelerator.settings", "cloud": "accelerator.cloud.settings"}

NOBODY_ELSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


def take(world: World) -> None:
    """Copy both. Whoever uses them is thrown out, and comes back when the copy is made."""
    with _server(world) as server:
        for side in DATABASES:
            _fill(server, f"{_name(world, side)}_older", _name(world, side))


def state(world: World, job: uuid.UUID) -> str:
    """The Job's state in the copy."""
    found = rows(world, "dashboard", "SELECT state FROM jobs_job WHERE id = %s", job)
    return str(found[0][0]) if found else ""


def rows(world: World, side: str, query: str, *values: object) -> list[tuple[object, ...]]:
    """Rows of the copy of a side's database."""
    url = urlsplit(gathering.environment(world.house.folder)[DATABASES[side]])
    copy = urlunsplit(url._replace(path=f"{url.path}_older"))
    with psycopg.connect(copy) as connection:
        return connection.execute(query.encode(), values).fetchall()


def put_back(world: World, *sides: str) -> None:
    """The copies take the place of what is there. The databases' server runs."""
    with _server(world) as server:
        for side in sides:
            _fill(server, _name(world, side), f"{_name(world, side)}_older")


@contextlib.contextmanager
def awake(world: World) -> Iterator[None]:
    """The databases of an ended house, and nothing else of it."""
    postgres = Postgres(world.house.folder)
    postgres.start()
    try:
        yield
    finally:
        postgres.stop()


def declare(world: World, side: str) -> str:
    """`manage.py restored`, as an admin types it; what it says."""
    told = gathering.environment(world.house.folder) | {"DJANGO_SETTINGS_MODULE": SETTINGS[side]}
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run(
        [sys.executable, "manage.py", "restored"],
        cwd=CHECKOUT,
        env=kept | told,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _fill(server: psycopg.Connection, target: str, source: str) -> None:
    names = {"target": sql.Identifier(target), "source": sql.Identifier(source)}

    def run(statement: str) -> None:
        server.execute(sql.SQL(statement).format(**names))

    run("DROP DATABASE IF EXISTS {target} WITH (FORCE)")
    run("ALTER DATABASE {source} ALLOW_CONNECTIONS false")
    try:
        server.execute(NOBODY_ELSE, [source])
        run("CREATE DATABASE {target} TEMPLATE {source}")
        run("ALTER DATABASE {target} ALLOW_CONNECTIONS true")
    finally:
        run("ALTER DATABASE {source} ALLOW_CONNECTIONS true")


def _name(world: World, side: str) -> str:
    return urlsplit(gathering.environment(world.house.folder)[DATABASES[side]]).path.lstrip("/")


@contextlib.contextmanager
def _server(world: World) -> Iterator[psycopg.Connection]:
    url = gathering.environment(world.house.folder)["DATABASE_URL"]
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        yield connection
