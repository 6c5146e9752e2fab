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
    with server(world) as connection:
        for side in DATABASES:
            _fill(connection, f"{name(world, side)}_older", name(world, side))


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
    with server(world) as connection:
        for side in sides:
            _fill(connection, name(world, side), f"{name(world, side)}_older")


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


@contextlib.contextmanager
def closed(world: World, side: str) -> Iterator[None]:
    """The database of a side lets nobody in meanwhile; whoever was in it is thrown out."""
    with server(world) as connection, _closed(connection, name(world, side)):
        yield


def _fill(connection: psycopg.Connection, target: str, source: str) -> None:
    names = {"target": sql.Identifier(target), "source": sql.Identifier(source)}
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {target} WITH (FORCE)").format(**names))
    with _closed(connection, source):
        connection.execute(sql.SQL("CREATE DATABASE {target} TEMPLATE {source}").format(**names))
        connection.execute(sql.SQL("ALTER DATABASE {target} ALLOW_CONNECTIONS true").format(**names))


@contextlib.contextmanager
def _closed(connection: psycopg.Connection, database: str) -> Iterator[None]:
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    connection.execute(allow.format(sql.Identifier(database), sql.Literal(False)))
    try:
        connection.execute(NOBODY_ELSE, [database])
        yield
    finally:
        connection.execute(allow.format(sql.Identifier(database), sql.Literal(True)))


def name(world: World, side: str) -> str:
    return urlsplit(gathering.environment(world.house.folder)[DATABASES[side]]).path.lstrip("/")


@contextlib.contextmanager
def server(world: World) -> Iterator[psycopg.Connection]:
    url = gathering.environment(world.house.folder)["DATABASE_URL"]
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        yield connection
