"""A database of its own on the tests' PostgreSQL: whoever may everything in it, and a right role beside them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from accelerator.embedded import databases
from tests.warehouses import Connection, reader

# A run that was killed leaves its database and its roles behind; each run has its own.
RUN = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
ROWS = 1000

CUSTOMERS = f"""
CREATE TABLE customers AS SELECT n AS id, 'c' || n || '@example.com' AS email FROM generate_series(1, {ROWS}) n
"""


@contextmanager
def database(name: str) -> Iterator[Connection]:
    """The admin's connection to the new database, in which the role of the same name may read the customers."""
    name = f"{name}_{RUN}"
    url = databases.beside(os.environ["DATABASE_URL"], name)
    databases.ensure(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(CUSTOMERS.encode())
        reader(admin, name)
        yield admin
    with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True) as admin:
        admin.execute(
            sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(databases.name_of(url)))
        )
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def sessions(admin: Connection, role: str, *, active: bool = False) -> int:
    """How many the role has at the server, of them those that work."""
    working = "AND state = 'active'" if active else ""
    asked = f"SELECT count(*) FROM pg_stat_activity WHERE usename = %s {working}"
    found = admin.execute(asked.encode(), [role]).fetchone()
    assert found
    return int(str(found[0]))


def waits_for_a_lock(admin: Connection, role: str) -> bool:
    asked = "SELECT FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'"
    return admin.execute(asked, [role]).fetchone() is not None
