"""The dashboard's PostgreSQL: is it there, new enough, migrated, and by which clock does it live?"""

import time

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accelerator.doctor import Finding, attention, broken, ok
from accelerator.doctor.examination import first_line

OLDEST = 15
# Seconds: to connect and for each statement; how far two clocks may differ before anybody need look.
PATIENCE = 4
SKEW = 2.0


def look() -> list[Finding]:
    """On a connection of its own, because a pool would wait for a server that is away."""
    began = time.monotonic()
    try:
        with _connected() as session:
            took = time.monotonic() - began
            return [_server(session, took), _clock(session), _migrations()]
    except ImproperlyConfigured as error:
        return [broken("database", f"DATABASE_URL can't be used: {first_line(error)}. Correct it.")]
    except psycopg.Error as error:
        return [
            broken(
                "database",
                f"PostgreSQL {_place()} can't be used: {first_line(error)}. Nothing works without it: start it, or "
                "correct DATABASE_URL.",
            )
        ]


def reachable() -> bool:
    """Whether it answers: what needs it is not worth looking at otherwise."""
    try:
        _connected().close()
    except (ImproperlyConfigured, psycopg.Error):
        return False
    return True


def _connected() -> "psycopg.Connection[psycopg.rows.TupleRow]":
    parameters = dict(connection.get_connection_params())
    guards = f"{parameters.get('options', '')} -c statement_timeout={PATIENCE}s"
    given = {
        name: value
        for name, value in parameters.items()
        if name not in ("context", "cursor_factory", "prepare_threshold", "options", "connect_timeout")
    }
    return psycopg.connect(**given, options=guards, connect_timeout=PATIENCE, autocommit=True)


def _place() -> str:
    database = settings.DATABASES["default"]
    return f'"{database["NAME"]}" at {database["HOST"] or "the local socket"}'


def _server(session: psycopg.Connection, took: float) -> Finding:
    name, version = "database", session.info.server_version // 10_000
    if version < OLDEST:
        return broken(
            name, f"It is PostgreSQL {version}, and {OLDEST} or newer is needed. Upgrade the server."
        )
    return ok(name, f"PostgreSQL {version} answers, after {took * 1000:.0f} ms.")


def _clock(session: psycopg.Connection) -> Finding:
    name, before = "database clock", time.time()
    row = session.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    skew = float(row[0]) - (before + time.time()) / 2 if row else 0.0
    if abs(skew) > SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        return attention(
            name,
            f"The database's clock is {abs(skew):,.0f} s {direction} this machine's. What is due goes by the "
            "database's; times on pages may look odd. Let both be set by NTP.",
        )
    return ok(name, f"The same as this machine's within {SKEW:.0f} s.")


def _migrations() -> Finding:
    name = "migrations"
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        first = waiting[0][0]
        return broken(
            name,
            f"{len(waiting)} are not applied, {first.app_label}.{first.name} the first. Run: manage.py migrate",
        )
    return ok(name, "All are applied.")
